"""A worker does not wake a stage for time that passes between two of its ticks."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime.stage import FOREVER, Entry, Step
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.toy_stages import STAGES, ToyAggregator, ToyStage


class Listening(ToyAggregator):
    """Remembers how many entries each push had."""

    tick_ms = FOREVER
    pushes: ClassVar[list[int]] = []

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        self.pushes.append(len(entries))
        return await super().push(entries, through_ms, quiet_ms)


async def test_a_stage_that_only_entries_move_is_not_told_that_time_passes(redis_url: str) -> None:
    Listening.pushes.clear()
    frames = frames_of(0)
    async with working(redis_url, stages={**STAGES, AGGREGATOR.name: ToyStage(Listening)}):
        async with producing(redis_url) as producer:
            await play(producer, a_call("c"), frames, 0.01)
        told = await timeline(redis_url, "c")
    assert told == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
    assert len(Listening.pushes) > 3 and 0 not in Listening.pushes[1:-1], "but for the first moment and the end"
