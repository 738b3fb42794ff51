"""The same sound gives the same timeline, byte for byte, however it was cut, paced, accompanied, or handed over."""

import asyncio
import random
from collections.abc import Callable

import pytest

from speakerline.shared.contract.v1 import Encoding
from tests.e2e.conftest import SHORT_S, Undisturbed
from tests.e2e.sample_call import announcement, frames, pcm, trickle
from tests.e2e.system import Models, System

Cut = Callable[[Encoding], list[tuple[int, bytes]]]


def pieces_of(frame_ms: int) -> Cut:
    return lambda encoding: frames(pcm(encoding, SHORT_S), encoding, frame_ms)


def ragged(encoding: Encoding) -> list[tuple[int, bytes]]:
    """Pieces of 1 to 4000 ms by chance, the same in every run."""
    chance, sound = random.Random(7), frames(pcm(encoding, SHORT_S), encoding, 1)
    ragged, at = [], 0
    while at < len(sound):
        piece = sound[at : at + chance.randint(1, 4000)]
        ragged.append((piece[-1][0], b"".join(pcm for _, pcm in piece)))
        at += len(piece)
    return ragged


@pytest.mark.parametrize(
    ("cut", "encoding"),
    [
        pytest.param(pieces_of(20), Encoding.MULAW, id="frames of 20 ms"),
        pytest.param(pieces_of(100), Encoding.S16LE, id="frames of 100 ms, 16 kHz linear"),
        pytest.param(pieces_of(3_600_000), Encoding.MULAW, id="one whole file"),
        pytest.param(ragged, Encoding.MULAW, id="frames of any length"),
        pytest.param(ragged, Encoding.S16LE, id="frames of any length, 16 kHz linear"),
    ],
)
async def test_the_size_of_frames_does_not_matter(
    system: System, beginnings: Undisturbed, cut: Cut, encoding: Encoding
) -> None:
    call = system.wire(announcement("wire", encoding))
    await call.announce()
    await call.frames(cut(encoding))
    await call.close()
    assert await system.timeline("wire") == beginnings(encoding)


async def test_pace_does_not_matter(system: System, beginning: list[bytes]) -> None:
    call = system.wire(announcement("trickle", Encoding.MULAW))
    await call.announce()
    await trickle(call, Encoding.MULAW, 8, SHORT_S)
    assert await system.timeline("trickle") == beginning


async def test_a_backlog_from_before_the_workers_came_is_no_different(
    redis_url: str, models: Models, beginning: list[bytes]
) -> None:
    system = System(redis_url, models)
    call = system.wire(announcement("backlog", Encoding.MULAW))
    await call.announce()
    await call.frames(frames(pcm(Encoding.MULAW, SHORT_S), Encoding.MULAW, 100))
    await call.close()
    async with system:
        assert await system.timeline("backlog") == beginning


async def test_calls_beside_each_other_do_not_change_each_other(system: System, beginnings: Undisturbed) -> None:
    encodings = [Encoding.MULAW, Encoding.S16LE, Encoding.MULAW, Encoding.S16LE]
    calls = [system.wire(announcement(f"beside-{number}", encoding)) for number, encoding in enumerate(encodings)]
    for call in calls:
        await call.announce()
    pairs = zip(calls, encodings, strict=True)
    await asyncio.gather(*(trickle(call, encoding, 12 + n, SHORT_S) for n, (call, encoding) in enumerate(pairs)))
    timelines = [await system.timeline(call.id) for call in calls]
    assert timelines == [beginnings(encoding) for encoding in encodings]


async def test_workers_that_restart_during_a_call_do_not_matter(system: System, beginning: list[bytes]) -> None:
    call = system.wire(announcement("restart", Encoding.MULAW))
    await call.announce()
    playing = asyncio.create_task(trickle(call, Encoding.MULAW, 4, SHORT_S))
    for _ in range(4):
        await asyncio.sleep(0.7)
        await system.stop()
        await system.start()
    await playing
    assert await system.timeline("restart") == beginning
