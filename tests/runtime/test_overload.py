"""Too much to do, end to end: a stage leaves out what it can, says so on the timeline, and no other stage does."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.producer import OutgoingCall
from speakerline.shared.contract.v1 import ServiceClass
from speakerline.shared.pipeline import ASR, EMBEDDING, PIPELINE, SEPARATION
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.slow_stages import Load

OPTIONS = WorkerOptions(**{**FAST, "shed_lag_s": 0.8})
PATIENT = replace(OPTIONS, shed_lag_s=60.0)
"""Of workers that a busy machine does not make late enough to do less."""
TOO_MUCH = 2.5
"""Seconds of work for a second of sound."""
WITHIN_S = 80.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.worker.REPORT_S", 0.2)
    monkeypatch.setattr("speakerline.shared.runtime.shedding.UP_AFTER_S", 0.5)
    monkeypatch.setattr("speakerline.shared.runtime.shedding.DOWN_AFTER_S", 0.5)


@pytest.mark.parametrize("slow", [SEPARATION.name, EMBEDDING.name, ASR.name])
async def test_a_stage_that_can_not_keep_up_does_less_for_so_long_and_nobody_else_does(
    redis_url: str, slow: str
) -> None:
    load, registry = Load(**{slow: TOO_MUCH}), CollectorRegistry()
    metrics, mine = Metrics(registry), [spec for spec in PIPELINE if spec.name == slow]
    others = [spec for spec in PIPELINE if spec.name != slow]

    def shedding() -> set[str]:
        value = registry.get_sample_value
        return {spec.name for spec in PIPELINE if value("speakerline_sheds", {"stage": spec.name})}

    async with (
        working(redis_url, mine, load.stages(), OPTIONS, metrics) as (worker,),
        working(redis_url, others, load.stages(), PATIENT, metrics),
        talking(redis_url),
    ):
        await until(lambda: slow in load.does_less, WITHIN_S)
        assert "shedding" in str(worker.shedding)
        load.cost.clear()
        await until(lambda: not shedding(), WITHIN_S)
    spans = await degraded(redis_url)
    assert {stage for stage, _, _ in spans} == {slow}
    assert all(start_ms < end_ms for _, start_ms, end_ms in spans)


@pytest.mark.parametrize(
    ("limit_s", "service_class"),
    [
        pytest.param(0.0, ServiceClass.LIVE, id="a worker without a limit"),
        pytest.param(0.8, ServiceClass.BULK, id="a recording, for which nobody waits"),
    ],
)
async def test_nothing_is_left_out_however_late_it_is(
    redis_url: str, limit_s: float, service_class: ServiceClass
) -> None:
    load = Load(asr=TOO_MUCH)
    options = replace(OPTIONS, shed_lag_s=limit_s)
    async with (
        working(redis_url, stages=load.stages(), options=options),
        talking(redis_url, service_class=service_class),
    ):
        await asyncio.sleep(2.5)
    assert not await degraded(redis_url)


@asynccontextmanager
async def talking(url: str, **announced: ServiceClass) -> AsyncIterator[None]:
    """A call as it is spoken; in the end its whole timeline is there."""

    async def send(outgoing: OutgoingCall) -> None:
        for pcm in itertools.cycle(frames_of(1, 500)):
            outgoing.send(pcm)
            await asyncio.sleep(0.1)

    async with producing(url) as producer:
        outgoing = await producer.start(a_call("c", **announced))
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
