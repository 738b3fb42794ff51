"""Toy stages that take their time: so many seconds of work for a second of sound, for one call after the other."""

import asyncio
from collections.abc import Mapping, Sequence

from speakerline.shared.contract.v1 import CallStarted, Degraded
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Event, Stage, Step
from tests.runtime.toy_stages import MARKED, STAGES


class Load:
    """`cost`: by stage, the seconds that it works for a second of sound; nothing for one that leaves something out."""

    def __init__(self, **cost: float) -> None:
        self.cost = cost
        self.does_less: set[str] = set()
        """Stages that have told of it on a call."""
        self.one_at_a_time = {name: asyncio.Lock() for name in MARKED}

    def stages(self) -> dict[str, Stage]:
        """All toys; those that may shed can be slow."""
        return {name: _Slow(name, toy, self) if name in MARKED else toy for name, toy in STAGES.items()}


class _Slow:
    def __init__(self, name: str, toy: Stage, load: Load) -> None:
        self._name, self._toy, self._load = name, toy, load

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> CallStage:
        return _SlowCall(self._name, self._toy.open(call, parts, audio), self._load)


class _SlowCall(CallStage):
    def __init__(self, name: str, toy: CallStage, load: Load) -> None:
        super().__init__()
        self._name, self._toy, self._load = name, toy, load
        self._heard_ms = 0

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        await self._work(entries, through_ms)
        step = await self._toy.push(entries, through_ms, quiet_ms)
        if any(isinstance(event.body, Degraded) for event in step.events):
            self._load.does_less.add(self._name)
        return step

    async def skip(self, entry: Entry | None, through_ms: int, detail: str, quiet_ms: int = -1) -> Step:
        return await self._toy.skip(entry, through_ms, detail, quiet_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        return self._toy.snapshot()

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        super().shed(level, behind_s)
        self._toy.shed(level, behind_s)

    async def _work(self, entries: Sequence[Entry], through_ms: int) -> None:
        positions = [entry.position for entry in entries if isinstance(entry, Event)]
        reached_ms = max([*positions, through_ms if through_ms < LAST_POSITION else 0])
        before_ms, self._heard_ms = self._heard_ms, max(reached_ms, self._heard_ms)
        cost = 0.0 if self.shed_level else self._load.cost.get(self._name, 0.0)
        async with self._load.one_at_a_time[self._name]:
            await asyncio.sleep(cost * (self._heard_ms - before_ms) / 1000)
