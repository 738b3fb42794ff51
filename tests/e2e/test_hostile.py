"""Hundreds of hostile announcements and frames: each has a clear answer, and a good call beside them its own."""

from functools import partial

from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallEnded, Encoding, Gap, GapReason
from speakerline.shared.keys import CALLS, REFUSED
from tests.e2e.beside import healthy_call_beside
from tests.e2e.decoded import bodies
from tests.e2e.hostile import PCM, announcements, frames
from tests.e2e.sample_call import announcement
from tests.e2e.system import System
from tests.e2e.wire import WireCall
from tests.runtime.playing import until

WITHIN_S = 120.0


async def test_each_announcement_is_refused_with_the_reason_or_is_a_call(
    system: System, beginning: list[bytes]
) -> None:
    variants = list(announcements())
    assert len(variants) > 400
    expected: dict[bytes, str] = {}
    calls: list[str] = []
    async with healthy_call_beside(system, beginning):
        for variant in variants:
            try:
                call = codec.read_call(variant.event)
            except codec.InvalidEvent as error:
                expected[await system.redis.execute_command("XADD", CALLS, "*", *variant.words)] = str(error)
                continue
            calls.append(call.call_id)
            wire = system.wire(call)
            await wire.open_logs()
            await system.redis.execute_command("XADD", CALLS, "*", *variant.words)
            await wire.close()
        await until(partial(_only_the_healthy_is_left, system), WITHIN_S)
    refused = await system.redis.execute_command("XRANGE", REFUSED, "-", "+")
    told = [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in refused]
    assert {one[b"entry"]: one[b"reason"].decode() for one in told} == expected
    assert all(30 <= len(reason) < 300 for reason in expected.values()), "short, and more than a word"
    assert len(calls) == len(set(calls)), "every variant is a call of its own"
    for call_id in calls:
        assert (await system.events(call_id))[-1].call_ended, call_id


async def test_each_frame_is_sound_or_a_gap_or_the_end(system: System, beginning: list[bytes]) -> None:
    variants = list(frames())
    assert len(variants) > 50
    async with healthy_call_beside(system, beginning):
        for number, (_, _, raw_id, words) in enumerate(variants):
            call = system.wire(announcement(f"frame-{number}", Encoding.MULAW))
            await _play(call, raw_id, words)
        timelines = [await system.timeline(f"frame-{number}", WITHIN_S) for number in range(len(variants))]
    for (what, outcome, _, _), timeline in zip(variants, timelines, strict=True):
        invalid = [gap for gap in bodies(timeline, Gap) if gap.reason != GapReason.LOST]
        assert [gap.reason for gap in invalid] == [GapReason.INVALID] * outcome.invalid, what
        assert all(len(gap.detail) > 10 for gap in invalid), what
        assert [ended.end_ms for ended in bodies(timeline, CallEnded)] == [outcome.end_ms], what
    assert await system.redis.keys("call:*:dead") == [], "nothing was poison"


async def _play(call: WireCall, raw_id: str, words: list[object]) -> None:
    """A second of sound, the variant, and another second after that, where Redis still takes it."""
    await call.announce()
    await call.frame(8000, PCM)
    await call.redis.execute_command("XADD", call.audio(), raw_id, *words)
    await call.frame(24_000, PCM)
    await call.close()


async def _only_the_healthy_is_left(system: System) -> bool:
    return bool(await system.redis.xlen(CALLS) == 1)
