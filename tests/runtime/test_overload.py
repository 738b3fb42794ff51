"""Too much to do, end to end: what is left out is on the timeline, in the order of the ladder, and it ends."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from shared.pipeline import ASR, EMBEDDING, PIPELINE, SEPARATION
from shared.runtime.metrics import Metrics
from shared.runtime.options import WorkerOptions
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.slow_stages import Load

OPTIONS = WorkerOptions(**{**FAST, "shed_lag_s": 0.6})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.runtime.worker.REPORT_S", 0.05)
    monkeypatch.setattr("shared.runtime.shedding.UP_AFTER_S", 0.4)
    monkeypatch.setattr("shared.runtime.shedding.DOWN_AFTER_S", 0.3)


async def test_what_is_left_out_is_told_in_order_and_ends(redis_url: str) -> None:
    """Only asr is slow, and only its own rung helps: so all rungs are climbed."""
    load, registry = Load(0.9, ASR.name), CollectorRegistry()
    metrics = Metrics(registry)

    def value(name: str, stage: str) -> float | None:
        return registry.get_sample_value(f"speakerline_{name}", {"stage": stage})

    def level() -> set[float | None]:
        return {value("shed_level", spec.name) for spec in PIPELINE}

    seen: list[float] = []
    async with (
        working(redis_url, stages=load.stages(), options=OPTIONS, metrics=metrics) as workers,
        producing(redis_url) as producer,
    ):
        outgoing = await producer.start(a_call("c"))
        sending = asyncio.create_task(_send(outgoing.send, frames_of(1, 500)))
        await until(lambda: seen.append(workers[0].shedding.level) or seen[-1] == 3, 40)
        await until(lambda: level() == {3.0})
        assert [spec.name for spec in PIPELINE if value("sheds", spec.name)] == ["embedding", "separation", "asr"]
        await until(lambda: "asr is " in str(workers[0].shedding))
        load.slow.clear()
        await until(lambda: level() == {0.0}, 20)
        await asyncio.sleep(1.0)
        sending.cancel()
        await outgoing.end()
        spans = degraded(await timeline(redis_url, "c"))
    assert seen == sorted(seen)
    starts = {stage: start_ms for stage, start_ms, _ in reversed(spans)}
    assert sorted(starts, key=lambda stage: starts[stage]) == [SEPARATION.name, EMBEDDING.name, ASR.name]
    ends = {stage: end_ms for stage, _, end_ms in spans}
    assert sorted(ends, key=lambda stage: ends[stage]) == [ASR.name, EMBEDDING.name, SEPARATION.name]


async def test_a_stage_whose_own_rung_helps_keeps_the_others_from_shedding(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.shedding.UP_AFTER_S", 2.0)
    load = Load(0.9, SEPARATION.name)
    async with (
        working(redis_url, stages=load.stages(), options=OPTIONS) as workers,
        producing(redis_url) as producer,
    ):
        outgoing = await producer.start(a_call("c"))
        sending = asyncio.create_task(_send(outgoing.send, frames_of(1, 500)))
        await until(lambda: workers[0].shedding.level == 1)
        load.slow.clear()
        await until(lambda: workers[0].shedding.level == 0, 20)
        await asyncio.sleep(1.0)
        sending.cancel()
        await outgoing.end()
        spans = degraded(await timeline(redis_url, "c"))
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


async def _send(send: object, frames: Sequence[bytes]) -> None:
    """100 ms of sound every 10 ms."""
    assert callable(send)
    for pcm in itertools.cycle(frames):
        send(pcm)
        await asyncio.sleep(0.01)


def degraded(events: Sequence[bytes]) -> list[tuple[str, int, int]]:
    """Who left something out, from when, to when."""
    bodies = [json.loads(event).get("degraded") for event in events]
    return [(body["stage"], body.get("start_ms", 0), body["end_ms"]) for body in bodies if body]
