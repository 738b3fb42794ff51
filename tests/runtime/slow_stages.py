"""Toy stages that take their time: so many seconds of work for a second of sound, for one call after the other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from speakerline.shared.contract.v1 import CallStarted, Degraded
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import ASR, EMBEDDING, OVERLAPS, SEPARATION, SOURCES, WORDS
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Event, Stage, Step
from tests.runtime.toy_stages import STAGES

STREAM_OF = {SEPARATION.name: SOURCES, EMBEDDING.name: OVERLAPS, ASR.name: WORDS}
"""Where each tells what it left out."""


class Load:
    """`cost`: by stage, the seconds that it works for a second of sound; nothing for one that leaves something out."""

    def __init__(self, **cost: float) -> None:
        self.cost = cost
        self.one_at_a_time = {name: asyncio.Lock() for name in STREAM_OF}

    def stages(self) -> dict[str, Stage]:
        """All toys; those that may shed can do so."""
        return {name: _Slow(name, toy, self) if name in STREAM_OF else toy for name, toy in STAGES.items()}


class _Slow:
    def __init__(self, name: str, toy: Stage, load: Load) -> None:
        self._name, self._toy, self._load = name, toy, load

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return _SlowCall(self._name, self._toy.open(call, parts, audio), self._load)


class _SlowCall(CallStage):
    """Every event that is made with less work comes with a mark."""

    def __init__(self, name: str, toy: CallStage, load: Load) -> None:
        super().__init__()
        self._name, self._toy, self._load = name, toy, load
        self._heard_ms = 0

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        await self._work(entries, through_ms)
        step = await self._toy.push(entries, through_ms)
        events = [event for event in step.events if event.stream == STREAM_OF[self._name]]
        if not self.shed_level or not events:
            return step
        at_ms = events[-1].position
        told = Degraded(events[0].position - 1, at_ms, self._name, "made shorter")
        return replace(step, events=[*step.events, Event(events[-1].stream, at_ms, told)])

    async def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return await self._toy.skip(entry, through_ms, detail)

    def snapshot(self) -> Mapping[str, bytes]:
        return self._toy.snapshot()

    async def _work(self, entries: Sequence[Entry], through_ms: int) -> None:
        positions = [entry.position for entry in entries if isinstance(entry, Event)]
        reached_ms = max([*positions, through_ms if through_ms < LAST_POSITION else 0])
        before_ms, self._heard_ms = self._heard_ms, max(reached_ms, self._heard_ms)
        cost = 0.0 if self.shed_level else self._load.cost.get(self._name, 0.0)
        async with self._load.one_at_a_time[self._name]:
            await asyncio.sleep(cost * (self._heard_ms - before_ms) / 1000)
