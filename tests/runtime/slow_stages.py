"""Toy stages that are too slow for what comes while there is a load, unless they may leave out what they can."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from speakerline.shared.contract.v1 import CallStarted, Degraded
from speakerline.shared.pipeline import ASR, EMBEDDING, OVERLAPS, SEPARATION, SOURCES, WORDS
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage, Step
from tests.runtime.toy_stages import STAGES

STREAM_OF = {SEPARATION.name: SOURCES, EMBEDDING.name: OVERLAPS, ASR.name: WORDS}
"""Where each tells what it left out."""


class Load:
    """`slow`: names of the stages that take `seconds` for a step."""

    def __init__(self, seconds: float, *slow: str) -> None:
        self.seconds = seconds
        self.slow = set(slow)

    def stages(self) -> dict[str, Stage]:
        """All toys; those that may shed can do so."""
        return {name: _Slow(name, toy, self) if name in STREAM_OF else toy for name, toy in STAGES.items()}


class _Slow:
    def __init__(self, name: str, toy: Stage, load: Load) -> None:
        self._name, self._toy, self._load = name, toy, load

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return _SlowCall(self._name, self._toy.open(call, parts, audio), self._load)


class _SlowCall(CallStage):
    """Tells what was left out as one span, from the first entry that came while it was asked to the first one after."""

    def __init__(self, name: str, toy: CallStage, load: Load) -> None:
        super().__init__()
        self._name, self._toy, self._load = name, toy, load
        self._from_ms: int | None = None

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        if self._name in self._load.slow and entries and not self.shed_level:
            await asyncio.sleep(self._load.seconds)
        step = await self._toy.push(entries, through_ms)
        events = [event for event in step.events if event.stream == STREAM_OF[self._name]]
        at_ms = max((event.position for event in events), default=0)
        if not events and through_ms != FOREVER:
            return step
        if self.shed_level and through_ms != FOREVER:
            self._from_ms = at_ms if self._from_ms is None else self._from_ms
        elif self._from_ms is not None and events:
            told = Degraded(self._from_ms, at_ms, self._name, "made shorter")
            step, self._from_ms = replace(step, events=[*step.events, Event(events[-1].stream, at_ms, told)]), None
        return step

    async def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return await self._toy.skip(entry, through_ms, detail)

    def snapshot(self) -> Mapping[str, bytes]:
        return self._toy.snapshot()
