"""A release is rolled out: each stage gets a new worker and loses its old one while calls go on, and none notices."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.producer import OutgoingCall
from speakerline.shared.keys import loads_key
from speakerline.shared.pipeline import PIPELINE, VAD, StageSpec
from speakerline.shared.runtime import shard_worker
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.worker import Worker
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.serving import Serve, get
from tests.runtime.toy_stages import STAGES

NEWER = replace(VAD, state_version=VAD.state_version + 1, oldest_state=None)
"""It reads no states of this version."""
CALM = WorkerOptions(**{**FAST, "lease_s": 20.0})
"""A lease that a busy machine holds: calls move because they are handed over, not because nobody was heard of."""
FRAMES = frames_of(1, 40)
LONG_S = 60.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_worker, "BEATS", CALM.lease_s / 0.5)


class Running:
    """A worker, and its end as a service has it."""

    def __init__(self, url: str, spec: StageSpec, metrics: Metrics) -> None:
        self.worker = Worker(url, spec, STAGES[spec.name], metrics.for_stage(spec.name), CALM)
        self.task = asyncio.create_task(self.worker.run())

    async def leave(self, drain_s: float = LONG_S) -> None:
        await self.worker.drain(drain_s)
        self.worker.stop()
        await self.task


@asynccontextmanager
async def running(url: str, specs: Sequence[StageSpec], metrics: Metrics) -> AsyncIterator[dict[str, Running]]:
    """By stage; whoever stands in the dictionary in the end is ended."""
    workers = {spec.name: Running(url, spec, metrics) for spec in specs}
    try:
        yield workers
    finally:
        await asyncio.gather(*(one.leave() for one in workers.values()))


@pytest.mark.parametrize("new_first", [True, False], ids=["the new worker comes first", "the old one leaves first"])
async def test_each_stage_gets_a_new_worker_while_calls_go_on(
    redis_url: str, caplog: pytest.LogCaptureFixture, new_first: bool
) -> None:
    registry, names = CollectorRegistry(), [f"c{number}" for number in range(3)]
    metrics = Metrics(registry)
    async with producing(redis_url) as producer, running(redis_url, PIPELINE, metrics) as workers:
        playing = [
            asyncio.create_task(play(producer, a_call(name), frames_of(number, 60), 0.1))
            for number, name in enumerate(names)
        ]
        for spec in PIPELINE:
            old = workers[spec.name]
            await until(partial(_holds, old, len(names)))
            if not new_first:
                await old.leave()
            workers[spec.name] = Running(redis_url, spec, metrics)
            if new_first:
                await old.leave()
        await asyncio.gather(*playing)
        for number, name in enumerate(names):
            expected = await asyncio.to_thread(timeline_of, a_call(name), numbered(frames_of(number, 60)))
            assert await timeline(redis_url, name) == expected
    for spec in PIPELINE:
        takes = {"stage": spec.name, "kind": "takeover"}
        assert registry.get_sample_value("speakerline_takes_total", takes) == len(names), "each call moved once"
    assert "call parked" not in caplog.messages


def _holds(one: Running, calls: int) -> bool:
    return len(one.worker.calls) == calls


@asynccontextmanager
async def half_a_call(
    url: str, old: Sequence[StageSpec] = (VAD,)
) -> AsyncIterator[tuple[OutgoingCall, dict[str, Running]]]:
    """In the hands of an old worker of vad; there are workers of all other stages."""
    metrics = Metrics(CollectorRegistry())
    async with (
        working(url, PIPELINE[1:], options=CALM),
        producing(url) as producer,
        running(url, old, metrics) as workers,
    ):
        outgoing = await producer.start(a_call("c"))
        for pcm in FRAMES[:20]:
            outgoing.send(pcm)
        if workers:
            await until(lambda: workers[VAD.name].worker.calls)
        yield outgoing, workers


def drains(old: Running) -> bool:
    return any(shard.drains for shard in old.worker.shards)


async def say_the_rest(outgoing: OutgoingCall) -> None:
    for pcm in FRAMES[20:]:
        outgoing.send(pcm)
    await outgoing.end()


async def test_a_worker_whose_states_the_newer_ones_do_not_read_ends_after_its_calls(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with half_a_call(redis_url) as (outgoing, workers), working(redis_url, [NEWER], options=CALM) as (newer,):
        old = workers.pop(VAD.name)
        await until(lambda: drains(old))
        leaving = asyncio.create_task(old.leave())
        async with producing(redis_url) as producer:
            (await producer.start(a_call("new"))).send(FRAMES[0])
            await until(lambda: newer.calls)
        await asyncio.sleep(1.0)
        assert not leaving.done()
        await say_the_rest(outgoing)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))
        await leaving
    assert "call parked" not in caplog.messages


async def test_its_patience_has_an_end_and_then_its_calls_wait_for_its_version(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with half_a_call(redis_url) as (outgoing, workers):
        old = workers.pop(VAD.name)
        async with working(redis_url, [NEWER], options=CALM):
            await until(lambda: drains(old))
            await old.leave(0.1)
            await until(lambda: "call parked" in caplog.messages)
        async with working(redis_url, [VAD], options=CALM):
            await say_the_rest(outgoing)
            assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))


async def test_it_hands_its_calls_over_where_the_newer_workers_are_gone_again(redis_url: str) -> None:
    async with half_a_call(redis_url) as (outgoing, workers):
        old = workers.pop(VAD.name)
        async with working(redis_url, [NEWER], options=CALM):
            await until(lambda: drains(old))
            leaving = asyncio.create_task(old.leave())
        await leaving
        async with working(redis_url, [VAD], options=CALM):
            await say_the_rest(outgoing)
            assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))


@pytest.mark.parametrize("signals", [1, 2], ids=["SIGTERM", "SIGTERM twice"])
async def test_a_service_serves_its_metrics_until_its_last_call_has_ended_or_it_is_told_again(
    redis_url: str, serve: Serve, signals: int
) -> None:
    process, url, log = serve(redis_url)
    await until(lambda: get(f"{url}/healthz") == (200, "alive"), 90)
    redis = connect(redis_url)

    async def tell() -> None:
        """As a newer worker does."""
        words = {"comfortable": 50, "behind_s": 0.0, "silent": 0, "reads": [NEWER.state_version] * 2}
        while True:
            told = f"{int(time.time() * 1000)} {json.dumps(words)}"
            await redis.hset(redis.key(loads_key(VAD.name)), "vad-newer", told)
            await asyncio.sleep(0.2)

    async with half_a_call(redis_url, ()) as (outgoing, _):
        await until(lambda: 'speakerline_owned_calls{stage="vad"} 1.0' in get(f"{url}/metrics")[1])
        telling = asyncio.create_task(tell())
        await until(lambda: 'speakerline_drains{stage="vad"} 1.0' in get(f"{url}/metrics")[1])
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            await until(lambda: "ends after its calls" in log.read_text())
        if signals == 1:
            await asyncio.sleep(1.0)
            assert 'speakerline_owned_calls{stage="vad"} 1.0' in get(f"{url}/metrics")[1]
            await say_the_rest(outgoing)
            assert await timeline(redis_url, "c")
        assert await asyncio.to_thread(process.wait, 60) == 0
        await end([telling])
        if signals == 2:
            async with working(redis_url, [VAD], options=CALM):
                await say_the_rest(outgoing)
                assert await timeline(redis_url, "c")
    await redis.aclose()
