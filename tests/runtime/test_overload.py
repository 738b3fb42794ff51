"""Too much to do, end to end: what is left out is on the timeline, in the order of the ladder, and it ends."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.producer import OutgoingCall
from speakerline.shared.pipeline import ASR, EMBEDDING, PIPELINE, SEPARATION
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.slow_stages import Load

OPTIONS = WorkerOptions(**{**FAST, "shed_lag_s": 1.2})
SLOW_S = 1.8
"""For one step: too much, and far more than a step takes otherwise on a busy machine."""
WITHIN_S = 80.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.worker.REPORT_S", 0.05)
    monkeypatch.setattr("speakerline.shared.runtime.shedding.UP_AFTER_S", 0.8)
    monkeypatch.setattr("speakerline.shared.runtime.shedding.DOWN_AFTER_S", 1.0)


async def test_what_is_left_out_is_told_in_order_and_ends(redis_url: str) -> None:
    """Only asr is slow, and only its own level helps: so the highest level is reached."""
    load, registry = Load(SLOW_S, ASR.name), CollectorRegistry()
    metrics = Metrics(registry)

    def value(name: str, stage: str) -> float | None:
        return registry.get_sample_value(f"speakerline_{name}", {"stage": stage})

    def level() -> set[float | None]:
        return {value("shed_level", spec.name) for spec in PIPELINE}

    def leaving_out() -> set[str]:
        return {spec.name for spec in PIPELINE if value("sheds", spec.name)}

    seen: list[tuple[int, set[str]]] = []
    async with (
        working(redis_url, stages=load.stages(), options=OPTIONS, metrics=metrics) as workers,
        talking(redis_url),
    ):

        def three_leave_out() -> bool:
            seen.append((workers[0].shedding.level, leaving_out()))
            return len(seen[-1][1]) == 3

        await until(three_leave_out, WITHIN_S)
        await until(lambda: level() == {3.0})
        await until(lambda: "asr is " in str(workers[0].shedding))
        load.slow.clear()
        await until(lambda: level() == {0.0} and not leaving_out(), WITHIN_S)
        await asyncio.sleep(1.0)
    spans = await degraded(redis_url)
    levels = [level for level, _ in seen]
    assert levels == sorted(levels)
    order = [SEPARATION.name, EMBEDDING.name, ASR.name]
    assert all(left_out == set(order[: len(left_out)]) for _, left_out in seen), seen
    assert {stage for stage, _, _ in spans} == set(order)
    assert all(start_ms < end_ms for _, start_ms, end_ms in spans)


async def test_a_stage_whose_own_rung_helps_keeps_the_others_from_shedding(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.shedding.UP_AFTER_S", 2.0)
    load = Load(SLOW_S, SEPARATION.name)
    async with (
        working(redis_url, stages=load.stages(), options=OPTIONS) as workers,
        talking(redis_url),
    ):
        await until(lambda: workers[0].shedding.level == 1, WITHIN_S)
        load.slow.clear()
        await until(lambda: workers[0].shedding.level == 0, WITHIN_S)
        await asyncio.sleep(1.0)
    spans = await degraded(redis_url)
    assert {stage for stage, _, _ in spans} == {SEPARATION.name}


async def test_a_worker_that_takes_no_part_remembers_no_lags(redis_url: str) -> None:
    options = replace(OPTIONS, shed_lag_s=0.0)
    async with working(redis_url, options=options) as workers, producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames_of(1, 20):
            outgoing.send(pcm)
        await outgoing.end()
        assert await timeline(redis_url, "c")
        assert [worker.shedding.lags.report(2**40) for worker in workers] == [0.0] * len(workers)


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[None]:
    """A call, four times as fast as it was spoken; in the end its whole timeline is there."""

    async def send(outgoing: OutgoingCall) -> None:
        for pcm in itertools.cycle(frames_of(1, 500)):
            outgoing.send(pcm)
            await asyncio.sleep(0.025)

    async with producing(url) as producer:
        outgoing = await producer.start(a_call("c"))
        sending = asyncio.create_task(send(outgoing))
        try:
            yield
        finally:
            sending.cancel()
        await outgoing.end()
        await timeline(url, "c", WITHIN_S)


async def degraded(url: str) -> list[tuple[str, int, int]]:
    """Who left something out, from when, to when."""
    bodies = [json.loads(event).get("degraded") for event in await timeline(url, "c")]
    return [(body["stage"], body.get("start_ms", 0), body["end_ms"]) for body in bodies if body]
