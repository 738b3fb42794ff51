"""A model that does not come back keeps a call's labels waiting twice, not once for every overlap."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from speakerline.services.separation.breaker import REST_MS, Breaker
from speakerline.services.separation.separator import Mixture
from speakerline.services.separation.stage import LOST_TWICE, SeparationStage, Separator
from speakerline.shared.contract.v1 import CallStarted, Encoding, Overlap, Separation, SeparationOutcome
from speakerline.shared.keys import stream_key
from speakerline.shared.pipeline import OVERLAPS, SEPARATION, SOURCES
from speakerline.shared.runtime.batcher import Batcher
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.connection import connect, pairs
from speakerline.shared.runtime.isolation import IsolatedModel, ModelFailed
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.bodies import body
from tests.no_sound import NoSound
from tests.runtime.playing import a_call, frames_of, producing, timeline, until, working
from tests.runtime.toy_models import build_toy
from tests.runtime.toy_stages import STAGES
from tests.separation.test_stage import RATE, outputs, voiceprint

CALL = CallStarted("c", RATE, Encoding.MULAW, 1)
EVERY_MS = 3000
FAILED, SEPARATED = SeparationOutcome.FAILED, SeparationOutcome.SEPARATED
Fate = Callable[[int], str]
"""The reason for which the model fails on the overlap of that number, or nothing."""


def overlap(number: int) -> Event:
    start_ms = number * EVERY_MS
    return Event(OVERLAPS, start_ms + 1000, Overlap(f"O{number}", 0, start_ms, start_ms + 600, 2))


class Hum(NoSound):
    """The same hum everywhere, which remembers where it was heard last."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        self.at_ms = end_sample * 1000 // RATE
        return np.full(end_sample - start_sample, 0.1, np.float32)


class Model:
    """Fails by the number of the overlap, which it knows from the sound that was read for it."""

    def __init__(self, fate: Fate) -> None:
        self.sound, self.asked, self._fate = Hum(), list[int](), fate

    async def run(self, mixture: Mixture) -> Any:
        number = self.sound.at_ms // EVERY_MS
        await asyncio.sleep(0)
        self.asked.append(number)
        if reason := self._fate(number):
            raise ModelFailed(f"toy: {reason}", reason)
        return await outputs(2)(mixture)


def told(fate: Fate, steps: Sequence[int]) -> tuple[list[int], list[Separation]]:
    """What was asked for, and what became of 16 overlaps given in steps of so many, the call opened anew after each."""
    model, found, given = Model(fate), list[Separation](), [overlap(number) for number in range(16)]
    parts: dict[str, bytes] = {}
    stage = SeparationStage(Separator("toy", model.run, voiceprint))
    for count in steps:
        call = stage.open(CALL, parts, model.sound)
        step = asyncio.run(call.push(given[:count], FOREVER if count >= len(given) else given[count].position - 1))
        given, parts = given[count:], dict(call.snapshot())
        found += [body(event) for event in step.events]
    return model.asked, found


@pytest.mark.parametrize("steps", [[16], [1] * 16, [5, 1, 10]], ids=str)
@pytest.mark.parametrize(
    ("fate", "asked"),
    [
        pytest.param(lambda _: "hung", [0, 1, 11], id="one that always hangs is asked twice, then every 30 s"),
        pytest.param(lambda at: "crashed" * (at in {2, 3}), [0, 1, 2, 3, 13, 14, 15], id="it comes back after 30 s"),
        pytest.param(lambda at: "hung" * (at % 2), list(range(16)), id="a loss that an answer follows costs one"),
        pytest.param(lambda _: "raised", list(range(16)), id="a refusal is no loss"),
        pytest.param(lambda _: "resting", list(range(16)), id="nor is what others have lost"),
    ],
)
def test_overlaps_behind_two_losses_are_not_tried(fate: Fate, asked: list[int], steps: list[int]) -> None:
    tried, found = told(fate, steps)
    assert tried == asked
    assert [one.overlap_ids for one in found] == [[f"O{number}"] for number in range(16)]
    for number, one in enumerate(found):
        assert (one.outcome, one.detail) == (
            (FAILED, LOST_TWICE)
            if number not in asked
            else (FAILED, f"toy: {fate(number)}")
            if fate(number)
            else (SEPARATED, "")
        )


def test_a_breaker_rests_from_its_second_loss_on() -> None:
    breaker = Breaker()
    breaker.lost(1000)
    assert not breaker.rests(1000)
    breaker.lost(2000)
    assert [breaker.rests(at_ms) for at_ms in (2000, 2000 + REST_MS - 1, 2000 + REST_MS)] == [True, True, False]
    breaker.answered()
    breaker.lost(40_000)
    assert not breaker.rests(40_000)


async def test_a_model_that_fails_breaks_no_rule_of_a_stage() -> None:
    model = Model(lambda at: "hung" if at in {2, 3, 4, 15} else "")
    stage = SeparationStage(Separator("toy", model.run, voiceprint))
    told = await check_stage(stage, SEPARATION, Recording(CALL, [overlap(number) for number in range(20)], model.sound))
    assert sum(LOST_TWICE in one for one in told["sources"]) == 9


@pytest.mark.slow
async def test_a_model_that_always_hangs_holds_a_call_up_twice_and_so_does_a_takeover(redis_url: str) -> None:
    losses: list[str] = []
    model: IsolatedModel[Any, Any] = IsolatedModel(build_toy, 1.0, 1000.0, "toy", losses.append)
    run: Callable[[Any], Awaitable[Any]] = Batcher(model.run, 1, ThreadPoolExecutor(1, "toy"))
    stages = {**STAGES, SEPARATION.name: SeparationStage(Separator("toy", lambda _: run("hang"), voiceprint))}

    async def seen() -> list[dict[str, Any]]:
        entries = await redis.execute_command("XRANGE", stream_key("c", SOURCES), "-", "+")
        events = [json.loads(pairs(flat)[b"event"]) for _, flat in entries if b"event" in pairs(flat)]
        return [event["separation"] for event in events if "separation" in event]

    frames = frames_of(1, 200)
    redis = connect(redis_url)
    async with producing(redis_url) as producer:
        async with working(redis_url, stages=stages):
            outgoing = await producer.start(a_call("c"))
            for pcm in frames[:100]:
                outgoing.send(pcm)
            await until(lambda: _count(seen, 4), 60)
        async with working(redis_url, stages=stages):
            for pcm in frames[100:]:
                outgoing.send(pcm)
            await outgoing.end()
            await timeline(redis_url, "c", 60)
    details = [one["detail"] for one in await seen()]
    await redis.aclose()
    model.close()
    assert losses == ["hung", "hung"]
    assert details == ["toy: no answer for 1 s"] * 2 + [LOST_TWICE] * (len(details) - 2)
    assert len(details) == 10


async def _count(seen: Callable[[], Awaitable[list[Any]]], count: int) -> bool:
    return len(await seen()) >= count
