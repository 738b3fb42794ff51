"""What happens to one call of a worker disturbs none of its others."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import pytest

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import AudioReader, Entry, NotNow, Step
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.toy_stages import STAGES, ToyVad


class _Opens:
    """A vad that can't open some calls."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        if call.call_id == "stubborn":
            raise ValueError("state of an unknown version")
        return ToyVad(call, parts, audio)


async def test_a_call_that_a_worker_can_not_open_is_left_to_others_and_disturbs_no_other(redis_url: str) -> None:
    stages = {**STAGES, "vad": _Opens()}
    async with working(redis_url, stages=stages), producing(redis_url) as producer:
        for call_id in ("stubborn", "easy"):
            await play(producer, a_call(call_id), frames_of(7, 10))
        assert await timeline(redis_url, "easy")
        async with working(redis_url, [VAD]):
            assert await timeline(redis_url, "stubborn")


class _DependsOnSomething(ToyVad):
    down = 0

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        if type(self).down > 0 and self.number("from") > 8000:
            type(self).down -= 1
            raise NotNow("the speaker database is down")
        if type(self).down == 0 and self.number("from") > 8000 and len(entries) > 1:
            type(self).down = -1
            raise RuntimeError("makes the call careful")
        return await super().push(entries, through_ms, quiet_ms)


class _Dependent:
    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        return _DependsOnSomething(call, parts, audio)


@pytest.fixture
def dependency_down() -> Iterator[None]:
    _DependsOnSomething.down = 5
    yield
    _DependsOnSomething.down = 0


@pytest.mark.usefixtures("dependency_down")
async def test_a_dependency_that_is_down_for_longer_than_all_tries_makes_no_dead_letter(
    redis_url: str, redis: Shard
) -> None:
    frames = frames_of(8, 40, {30: 1})
    async with working(redis_url, stages={**STAGES, "vad": _Dependent()}), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames, 0.01)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
    assert await redis.xlen("call:{c}:dead") == 1, "the poison alone"


class _Slow(ToyVad):
    """Of the call "slow", a step begins and takes until it is told to go on."""

    stage: "SlowStage"

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        if self.call.call_id == "slow":
            self.stage.began.set()
            await self.stage.go_on.wait()
        return await super().push(entries, through_ms, quiet_ms)


class SlowStage:
    """A vad whose steps of the call "slow" take until `go_on` is set."""

    def __init__(self) -> None:
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        made = _Slow(call, parts, audio)
        made.stage = self
        return made


async def test_a_slow_call_delays_only_itself(redis_url: str) -> None:
    slow, frames = SlowStage(), frames_of(9, 30)
    async with working(redis_url, stages={**STAGES, "vad": slow}), producing(redis_url) as producer:
        await play(producer, a_call("slow"), frames)
        await asyncio.wait_for(slow.began.wait(), 20)
        try:
            await play(producer, a_call("quick"), frames)
            assert await timeline(redis_url, "quick")
        finally:
            slow.go_on.set()
        assert await timeline(redis_url, "slow") == await asyncio.to_thread(
            timeline_of, a_call("slow"), numbered(frames)
        )


async def test_load_follows_capacity(redis_url: str) -> None:
    small, big = WorkerOptions(**{**FAST, "capacity": 2}), FAST_OPTIONS
    async with producing(redis_url) as producer:
        for number in range(6):
            (await producer.start(a_call(f"c{number}"))).send(b"sound")
        async with working(redis_url, [VAD], options=small) as first:
            await until(lambda: len(first[0].calls) == 2)
            await asyncio.sleep(0.3)
            assert len(first[0].calls) == 2
            async with working(redis_url, [VAD], options=big) as second:
                await until(lambda: len(second[0].calls) == 4)


def test_every_stage_of_the_pipeline_has_a_toy() -> None:
    assert set(STAGES) == {spec.name for spec in PIPELINE}
