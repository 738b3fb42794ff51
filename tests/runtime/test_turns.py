"""Who goes first: live calls, then recordings, and nobody waits for ever."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from speakerline.shared.contract.v1 import CallStarted, ServiceClass
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import turns
from speakerline.shared.runtime.call import SLICE_MS
from speakerline.shared.runtime.stage import AudioReader, CallStage, Entry, Frame, Step
from speakerline.shared.runtime.turns import Turns
from tests.runtime.playing import a_call, frames_of, play, producing, until, working


async def later(order: Turns, said: list[str], name: str) -> None:
    async with order.later():
        said.append(name)
        await asyncio.sleep(0)
        said.append(f"{name} done")


async def test_live_steps_are_never_held_up() -> None:
    order = Turns()
    async with order.later(), order.live(), order.live():
        pass


async def test_what_can_wait_waits_for_every_live_step() -> None:
    order, said = Turns(), list[str]()
    async with order.live():
        async with order.live():
            waiting = asyncio.create_task(later(order, said, "bulk"))
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert not said
    await waiting
    assert said == ["bulk", "bulk done"]


async def test_it_does_not_begin_beside_a_live_step_that_was_quicker() -> None:
    order, said = Turns(), list[str]()
    async with order.live():
        waiting = asyncio.create_task(later(order, said, "bulk"))
        await asyncio.sleep(0.05)
    async with order.live():
        await asyncio.sleep(0.05)
        assert not said
    await waiting


async def test_it_goes_one_at_a_time() -> None:
    order, said = Turns(), list[str]()
    await asyncio.gather(*(later(order, said, name) for name in "abc"))
    assert said == ["a", "a done", "b", "b done", "c", "c done"]


async def test_who_goes_alone_waits_for_all_and_all_wait_for_that_one() -> None:
    order, said, gate = Turns(), list[str](), asyncio.Event()

    async def alone() -> None:
        async with order.alone():
            said.append("alone")
            await gate.wait()
            said.append("alone done")

    async def live() -> None:
        async with order.live():
            said.append("live")

    async with order.live():
        waiting = [asyncio.create_task(doing) for doing in (alone(), live(), later(order, said, "bulk"))]
        await asyncio.sleep(0.05)
        assert not said
    await asyncio.sleep(0.05)
    assert said == ["alone"]
    gate.set()
    await asyncio.gather(*waiting)
    assert said[:2] == ["alone", "alone done"]
    assert sorted(said[2:]) == ["bulk", "bulk done", "live"]


async def test_who_goes_alone_waits_for_a_step_that_could_wait() -> None:
    order = Turns()
    async with order.later():
        alone = asyncio.create_task(order.alone().__aenter__())
        await asyncio.sleep(0.05)
        assert not alone.done()
    await alone


async def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    order, said = Turns(), list[str]()
    async with order.live():
        await asyncio.wait_for(asyncio.gather(later(order, said, "a"), later(order, said, "b")), 30)
    assert len(said) == 4


async def test_a_step_that_failed_holds_nothing_up() -> None:
    order, said = Turns(), list[str]()
    with pytest.raises(ValueError):
        async with order.live():
            raise ValueError
    with pytest.raises(ValueError):
        async with order.later():
            raise ValueError
    await asyncio.wait_for(later(order, said, "a"), 30)


SURELY_AHEAD_MS = 60_000
"""Of what is sent at once; no test takes so long."""


class Busy(CallStage):
    """Takes its time for every step, and notes what was under way when it began."""

    spec = VAD
    under_way: ClassVar[list[str]] = []
    begun: ClassVar[list[tuple[str, list[str], int, int]]] = []
    """Whose step, beside whose, with how many milliseconds of sound, from where."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self._call_id = call_id

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        frames = [entry for entry in entries if isinstance(entry, Frame)]
        sound_ms, from_ms = sum(len(frame.pcm) for frame in frames) // 8, frames[0].end_sample // 8 if frames else 0
        self.begun.append((self._call_id, list(self.under_way), sound_ms, from_ms))
        self.under_way.append(self._call_id)
        await asyncio.sleep(0.02)
        self.under_way.remove(self._call_id)
        return Step()

    def snapshot(self) -> Mapping[str, bytes]:
        return {}


class BusyStage:
    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> Busy:
        return Busy(call.call_id)


@pytest.mark.parametrize("service_class", [ServiceClass.BULK, ServiceClass.LIVE])
async def test_what_is_ahead_of_its_time_goes_in_slices_between_the_steps_of_live_calls(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, service_class: ServiceClass
) -> None:
    """A recording, whether it is announced as one or not."""
    monkeypatch.setattr(turns, "PATIENCE_S", 600.0)
    monkeypatch.setattr(Busy, "begun", [])
    first_ms = 0 if service_class == ServiceClass.BULK else SURELY_AHEAD_MS

    def slices() -> list[tuple[list[str], int]]:
        ahead = [one for one in Busy.begun if one[0] == "recording" and one[3] > first_ms]
        return [(beside, sound_ms) for _, beside, sound_ms, _ in ahead]

    async with working(redis_url, [VAD], {VAD.name: BusyStage()}), producing(redis_url, limit_s=3600) as producer:
        live = [asyncio.create_task(play(producer, a_call(name), frames_of(1, 900), 0.1)) for name in ("a", "b")]
        await until(lambda: {one[0] for one in Busy.begun} == {"a", "b"})
        recording = await producer.start(a_call("recording", service_class=service_class))
        for number, pcm in enumerate(frames_of(2, 300), 1):
            recording.send(pcm, end_sample=first_ms * 8 + number * 800)
        await until(lambda: len(slices()) > 10)
        for task in live:
            task.cancel()
    assert all(not beside and sound_ms <= SLICE_MS + 100 for beside, sound_ms in slices())


async def test_a_worker_that_stops_does_not_wait_for_the_turns_of_recordings(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 600.0)
    monkeypatch.setattr(Busy, "begun", [])
    go_on = asyncio.Event()

    class Held(Busy):
        async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
            step = await super().push(entries, through_ms, quiet_ms)
            await go_on.wait()
            return step

    class HeldStage:
        def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> Held:
            return Held(call.call_id)

    async with working(redis_url, [VAD], {VAD.name: HeldStage()}) as (worker,), producing(redis_url) as producer:
        await play(producer, a_call("live"), frames_of(1, 1))
        await until(lambda: Busy.begun)
        await play(producer, a_call("recording", service_class=ServiceClass.BULK), frames_of(2, 20))
        await until(lambda: worker.shards[0].progress.pending > 1)
        worker.stop()
        go_on.set()
    assert {one[0] for one in Busy.begun} == {"live"}
