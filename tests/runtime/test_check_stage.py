"""The toys keep the rules that all stages must keep; `check_stage` says so, and catches a stage that breaks one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.pipeline import AGGREGATOR, EMBEDDING, PIPELINE, StageSpec
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.offline import OfflineCall
from speakerline.shared.runtime.stage import Entry, Event, Step
from tests.runtime.toy_stages import STAGES, ToyEmbedding, ToyStage


async def toy_call() -> OfflineCall:
    """20 s of noise, with everything that the toys say of it."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (160_000, 1)).astype(np.float32)
    call = OfflineCall.of("c", noise, 8000, Encoding.MULAW)
    for spec in PIPELINE:
        await call.run(STAGES[spec.name], spec)
    return call


@pytest.mark.parametrize("spec", PIPELINE, ids=lambda spec: spec.name)
async def test_every_toy_keeps_the_rules(spec: StageSpec) -> None:
    call = await toy_call()
    rounds = 0 if spec == AGGREGATOR else 6  # it keeps the timeline, for who joins late
    await check_stage(STAGES[spec.name], spec, call.recording(spec), rounds=rounds)


class CountsSteps(ToyEmbedding):
    async def on_time(self, through_ms: int) -> None:
        self.chain("time has passed")


class ForgetsWhenOpenedAnew(ToyEmbedding):
    heard = 0

    async def on_event(self, event: Event, at_ms: int) -> None:
        self.heard += 1
        self.chain(self.heard)
        await super().on_event(event, at_ms)


class SnapshotsDifferEachTime(ToyEmbedding):
    asked = 0

    def snapshot(self) -> Mapping[str, bytes]:
        self.asked += 1
        return {**super().snapshot(), "asked": str(self.asked).encode()}


class LosesAPart(ToyEmbedding):
    """What it is opened with is not all that it had written."""

    def snapshot(self) -> Mapping[str, bytes]:
        return {**super().snapshot(), "heard": self.state.get("hash", "").encode()}

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.state.pop("hash", None)


class SnapshotOfText(ToyEmbedding):
    def snapshot(self) -> Any:
        return {"state": "{}"}


class PromisesTooMuch(ToyEmbedding):
    def promise(self, through_ms: int, quiet_ms: int) -> int:
        return through_ms + 2000


class PromisesBetweenTicks(ToyEmbedding):
    tick_ms = 1000


class GoesBack(ToyEmbedding):
    async def on_event(self, event: Event, at_ms: int) -> None:
        await super().on_event(event, 20_000 - at_ms)


class NeverEnds(ToyEmbedding):
    async def push(self, entries: Any, through_ms: int, quiet_ms: int = -1) -> Step:
        step = await super().push(entries, through_ms, quiet_ms)
        step.through_ms = min(step.through_ms, 1_000_000)
        return step


class RaisesWhenSkipping(ToyEmbedding):
    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        raise KeyError("entry")


class SkipsSilently(ToyEmbedding):
    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        pass


class ShedsSilently(ToyEmbedding):
    async def on_event(self, event: Event, at_ms: int) -> None:
        if not self.shed_level:
            await super().on_event(event, at_ms)


class RemembersEverything(ToyEmbedding):
    async def on_event(self, event: Event, at_ms: int) -> None:
        self.state[f"heard at {at_ms}"] = "yes"
        await super().on_event(event, at_ms)


class LetsSoundGoTooEarly(ToyEmbedding):
    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        return {0: through_ms * 8}


class SaysNothing(ToyEmbedding):
    async def on_event(self, event: Event, at_ms: int) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (CountsSteps, "cut by chance.* of voices is"),
        (ForgetsWhenOpenedAnew, "opened anew after every push.* of voices is"),
        (SnapshotsDifferEachTime, "asked twice, part asked of the snapshot"),
        (LosesAPart, "opened anew, part state of the snapshot"),
        (SnapshotOfText, r"parts \['state'\] of the snapshot are no bytes"),
        (PromisesTooMuch, "published on voices at .*, after"),
        (PromisesBetweenTicks, "between two ticks of 1000 ms, at .*, it has something to say"),
        (GoesBack, "published on voices at .*, after"),
        (NeverEnds, "does not end"),
        (RaisesWhenSkipping, "skip raises KeyError"),
        (SkipsSilently, "something is lost, and no event says"),
        (ShedsSilently, "something is left out, and no Degraded says so"),
        (RemembersEverything, "its snapshot grows with the call"),
        (LetsSoundGoTooEarly, "reads channel 0 from sample .* and needed nothing before"),
        (SaysNothing, "says nothing about this recording"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_broken_stage_is_caught(kind: type[ToyEmbedding], found: str) -> None:
    recording = (await toy_call()).recording(EMBEDDING)
    with pytest.raises(AssertionError, match=rf"(?s)^embedding.*{found}"):
        await check_stage(ToyStage(kind), EMBEDDING, recording, rounds=6)
