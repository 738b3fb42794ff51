"""The table of bad frames: each case has an answer at the door or on the timeline, and the call ends."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from speakerline.shared.contract.v1 import CallEnded, Encoding, EndReason, Gap, GapReason
from tests.e2e.beside import healthy_call_beside
from tests.e2e.conftest import SHORT_S
from tests.e2e.decoded import bodies
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import System
from tests.e2e.wire import WireCall

LOST, INVALID = GapReason.LOST, GapReason.INVALID
MULAW, LINEAR = Encoding.MULAW, Encoding.S16LE

SOUND = pcm(MULAW, SHORT_S)
FRAMES = frames(SOUND, MULAW, 1000)
TEN_MB = b"\xff" * 10_000_000
"""Silence in mu-law."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the timeline shows: gaps as (reason, start_ms, end_ms, words of the detail), and when the call ended."""

    gaps: Sequence[tuple[GapReason, int, int, str]] = ()
    end_ms: int = 1000 * SHORT_S
    reason: EndReason = EndReason.HANGUP


SAME = Expected()
"""The undisturbed timeline, byte for byte."""


async def out_of_order(call: WireCall) -> None:
    await call.frames([*FRAMES[:10], FRAMES[11], FRAMES[10], *FRAMES[12:]])


async def doubled(call: WireCall) -> None:
    await call.frames([frame for frame in FRAMES for _ in range(2)])


async def overlapping(call: WireCall) -> None:
    await call.frames((end, SOUND[max(0, end - 12_000) : end]) for end, _ in FRAMES)


async def half_a_sample_short(call: WireCall) -> None:
    linear = frames(pcm(LINEAR, SHORT_S), LINEAR, 1000)
    await call.frames((end, sound[:-1] if number == 10 else sound) for number, (end, sound) in enumerate(linear))


async def one_missing(call: WireCall) -> None:
    await call.frames([*FRAMES[:10], *FRAMES[11:]])


async def one_empty(call: WireCall) -> None:
    await call.frames([*FRAMES[:10], (FRAMES[10][0], b""), *FRAMES[11:]])


async def one_without_field(call: WireCall) -> None:
    await call.frames(FRAMES[:10])
    await call.redis.execute_command("XADD", call.audio(), f"{FRAMES[10][0]}-0", "wav", FRAMES[10][1])
    await call.frames(FRAMES[11:])


async def ten_megabytes(call: WireCall) -> None:
    await call.frame(len(TEN_MB), TEN_MB)


async def ten_megabytes_in_a_second(call: WireCall) -> None:
    await call.frames([*FRAMES[:10], (FRAMES[10][0], TEN_MB), *FRAMES[11:]])


async def after_the_end(call: WireCall) -> None:
    await call.frames(FRAMES)
    await call.close()
    assert "equal or smaller" in await call.frame(FRAMES[-1][0] + 8000, FRAMES[0][1])


async def closed_twice(call: WireCall) -> None:
    await call.frames(FRAMES)
    await call.close()
    (answer,) = await call.close()
    assert "equal or smaller" in answer


async def to_undeclared_channels(call: WireCall) -> None:
    assert await call.frame(8000, FRAMES[0][1], channel=1) is None
    await call.redis.execute_command("XADD", call.audio(3), "8000-0", "pcm", FRAMES[0][1])
    await call.frames(FRAMES)


async def at_no_position(call: WireCall) -> None:
    for position, answer in (("-8000", "Invalid stream ID"), ("0", "greater than 0-0"), ("noon", "Invalid stream ID")):
        assert answer in await call.frame(position, FRAMES[0][1])
    await call.frames(FRAMES)


async def begun_before_the_call(call: WireCall) -> None:
    await call.frames([(4000, FRAMES[0][1]), *FRAMES[1:]])


async def a_year_ahead(call: WireCall) -> None:
    await call.frames([*FRAMES[:10], (365 * 24 * 3600 * 8000, FRAMES[10][1]), *FRAMES[11:]])


async def beyond_all_numbers(call: WireCall) -> None:
    """After a position above that of the closing entry, Redis takes no closing entry."""
    await call.frames([*FRAMES[:10], (2**60, FRAMES[10][1])])
    (answer,) = await call.close()
    assert "equal or smaller" in answer


async def two_senders(call: WireCall) -> None:
    """The second sends other sound for the same time."""
    for (end, sound), (_, other) in zip(FRAMES, frames(SOUND[::-1], MULAW, 1000), strict=True):
        await call.frame(end, sound)
        assert "equal or smaller" in await call.frame(end, other)


async def announced_twice(call: WireCall) -> None:
    await call.frames(FRAMES[:10])
    await call.call_out()
    await call.frames(FRAMES[10:])


@pytest.mark.parametrize(
    ("play", "encoding", "expected"),
    [
        pytest.param(
            out_of_order, MULAW, Expected([(LOST, 10_000, 11_000, "never arrived")]), id="frames out of order"
        ),
        pytest.param(doubled, MULAW, SAME, id="frames doubled"),
        pytest.param(overlapping, MULAW, SAME, id="frames that overlap"),
        pytest.param(
            one_missing, MULAW, Expected([(LOST, 10_000, 11_000, "samples 80000 to 88000")]), id="a lost frame"
        ),
        pytest.param(
            half_a_sample_short,
            LINEAR,
            Expected([(INVALID, 10_000, 11_000, "31999 bytes of s16le: expected an even number")]),
            id="a frame of odd length",
        ),
        pytest.param(one_empty, MULAW, Expected([(INVALID, 10_000, 11_000, "0 bytes")]), id="a frame of 0 bytes"),
        pytest.param(
            one_without_field, MULAW, Expected([(INVALID, 10_000, 11_000, "0 bytes")]), id="a frame without pcm"
        ),
        pytest.param(
            ten_megabytes,
            MULAW,
            Expected([(INVALID, 0, 1_250_000, "10000000 bytes: expected at most 1000000")], end_ms=1_250_000),
            id="a frame of 10 MB",
        ),
        pytest.param(
            ten_megabytes_in_a_second,
            MULAW,
            Expected([(INVALID, 10_000, 11_000, "frame of 10000000 bytes: expected at most 1000000")]),
            id="a frame of 10 MB that says it is a second",
        ),
        pytest.param(after_the_end, MULAW, SAME, id="a frame after the end"),
        pytest.param(closed_twice, MULAW, SAME, id="two closing entries"),
        pytest.param(to_undeclared_channels, MULAW, SAME, id="frames for channels that were not declared"),
        pytest.param(at_no_position, MULAW, SAME, id="frames at negative positions and at none"),
        pytest.param(
            begun_before_the_call,
            MULAW,
            Expected([(INVALID, 0, 500, "8000 samples end at sample 4000"), (LOST, 500, 1000, "never arrived")]),
            id="a frame that begins before the call",
        ),
        pytest.param(
            a_year_ahead,
            MULAW,
            Expected([(INVALID, 10_000, 10_000, "frame ends at sample 252288000000")], end_ms=10_000),
            id="a frame a year ahead",
        ),
        pytest.param(
            beyond_all_numbers,
            MULAW,
            Expected(end_ms=10_000, reason=EndReason.INVALID),
            id="a frame beyond the position of the closing entry",
        ),
        pytest.param(two_senders, MULAW, SAME, id="two producers on one call"),
        pytest.param(announced_twice, MULAW, SAME, id="a call announced twice"),
    ],
)
async def test_bad_frames(
    system: System,
    beginning: list[bytes],
    play: Callable[[WireCall], Awaitable[None]],
    encoding: Encoding,
    expected: Expected,
) -> None:
    async with healthy_call_beside(system, beginning):
        call = system.wire(announcement("bad", encoding))
        await call.announce()
        await play(call)
        await call.close()
        timeline = await system.timeline("bad")
    if expected is SAME:
        assert timeline == beginning
    found = bodies(timeline, Gap)
    assert [(gap.reason, gap.start_ms, gap.end_ms) for gap in found] == [gap[:3] for gap in expected.gaps]
    for gap, (*_, words) in zip(found, expected.gaps, strict=True):
        assert words in gap.detail
    assert bodies(timeline, CallEnded) == [CallEnded(end_ms=expected.end_ms, reason=expected.reason)]
