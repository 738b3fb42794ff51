"""Workers of a stage share its calls: those that come later get theirs, nothing moves to and fro, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.producer import OutgoingCall, Producer
from speakerline.shared.keys import loads_key
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime import balancing, shard_worker
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.worker import Worker
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

REST = PIPELINE[1:]
CALM = WorkerOptions(**{**FAST, "lease_s": 20.0})
"""A lease that a busy machine holds: a worker that is late is taken for dead, and its calls are taken over."""
BEAT_S = 0.5


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancing, "STAYS_S", 0.5)
    monkeypatch.setattr(shard_worker, "BEATS", CALM.lease_s / BEAT_S)


class Counts:
    """Of one registry for all workers of a stage."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.metrics = Metrics(registry)
        self._read = registry.get_sample_value

    def takes(self, kind: str) -> int:
        return int(self._read("speakerline_takes_total", {"stage": VAD.name, "kind": kind}) or 0)

    @property
    def handed_over(self) -> int:
        return int(self._read("speakerline_handed_over_calls_total", {"stage": VAD.name}) or 0)


@asynccontextmanager
async def live_calls(producer: Producer, numbers: Sequence[int], count: int) -> AsyncIterator[list[OutgoingCall]]:
    """Calls that go on, a frame each 50 ms, until the end of the block; then they end with the rest of their frames."""
    calls = [await producer.start(a_call(f"c{number}")) for number in numbers]
    frames = {number: iter(frames_of(number, count)) for number in numbers}
    ended = asyncio.Event()

    async def speak(number: int, call: OutgoingCall) -> None:
        for frame in frames[number]:
            call.send(frame)
            if not ended.is_set():
                await asyncio.sleep(0.05)
        await ended.wait()
        await call.end()

    speaking = [asyncio.create_task(speak(*pair)) for pair in zip(numbers, calls, strict=True)]
    try:
        yield calls
    finally:
        ended.set()
        await asyncio.gather(*speaking)


def held(workers: Sequence[Worker]) -> list[int]:
    return [len(worker.calls) for worker in workers]


async def test_two_then_four_workers_share_the_calls_and_the_timelines_are_the_same(redis_url: str) -> None:
    counts, numbers = Counts(), range(12)
    async with AsyncExitStack() as systems, producing(redis_url) as producer:
        start = systems.enter_async_context
        await start(working(redis_url, REST, options=CALM))
        workers = await start(working(redis_url, [VAD], options=CALM, metrics=counts.metrics))
        async with live_calls(producer, numbers, 200):
            await until(lambda: held(workers) == [12])
            workers += await start(working(redis_url, [VAD], options=CALM, metrics=counts.metrics))
            await until(lambda: held(workers) == [6, 6])
            assert counts.handed_over == counts.takes("takeover") == 6, "each of them moved once"
            workers += await start(working(redis_url, [VAD, VAD], options=CALM, metrics=counts.metrics))
            await until(lambda: held(workers) == [3, 3, 3, 3])
            moved = counts.handed_over
            assert moved <= 6 + 8, "no call moved for nothing"
            await asyncio.sleep(4 * BEAT_S)
            assert counts.handed_over == moved, "and now they rest"
        for number in numbers:
            call, frames = a_call(f"c{number}"), numbered(frames_of(number, 200))
            assert await timeline(redis_url, call.call_id) == await asyncio.to_thread(timeline_of, call, frames)


async def test_a_worker_that_is_behind_gives_calls_to_one_that_is_not(redis_url: str) -> None:
    async with (
        producing(redis_url) as producer,
        working(redis_url, [VAD, VAD], options=CALM) as workers,
        live_calls(producer, range(8), 200),
    ):
        await until(lambda: sorted(held(workers)) in ([4, 4], [3, 5]))
        slow, quick = workers
        had = len(slow.calls)
        slow.shedding.behind_s = 5.0
        await until(lambda: len(slow.calls) < had and len(quick.calls) > 8 - had)
        slow.shedding.behind_s = 0.0


async def test_a_worker_that_was_stopped_counts_no_more(redis_url: str) -> None:
    redis: Any = connect(redis_url)
    async with working(redis_url, [VAD]):
        async with working(redis_url, [VAD]):
            await until(lambda: _told(redis, 2))
        await until(lambda: _told(redis, 1))
    assert await redis.exists(loads_key(VAD.name)) == 0
    await redis.aclose()


async def _told(redis: Any, workers: int) -> bool:
    return bool(await redis.hlen(loads_key(VAD.name)) == workers)


async def test_a_worker_that_died_counts_no_more_after_a_lease(redis_url: str) -> None:
    redis: Any = connect(redis_url)
    await redis.hset(loads_key(VAD.name), "vad-dead", '1000 {"comfortable": 50, "behind_s": 0.0, "silent": 0}')
    async with working(redis_url, [VAD], options=FAST_OPTIONS):
        await until(lambda: _told(redis, 1))
    await redis.aclose()
