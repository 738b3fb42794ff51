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


async def test_it_goes_one_at_a_time() -> None:
    order, said = Turns(), list[str]()
    await asyncio.gather(*(later(order, said, name) for name in "abc"))
    assert said == ["a", "a done", "b", "b done", "c", "c done"]


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


class Busy(CallStage):
    """Takes its time for every step, and notes what was under way when it began."""

    spec = VAD
    under_way: ClassVar[list[str]] = []
    begun: ClassVar[list[tuple[str, list[str], int]]] = []
    """Whose step, beside whose, with how many milliseconds of sound."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self._call_id = call_id

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        sound = [len(entry.pcm) for entry in entries if isinstance(entry, Frame)]
        self.begun.append((self._call_id, list(self.under_way), sum(sound) // 8))
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
    """A recording, whether it is announced as one or not; its very first second is not ahead."""
    monkeypatch.setattr(Busy, "begun", [])
    async with working(redis_url, [VAD], {VAD.name: BusyStage()}), producing(redis_url) as producer:
        live = [asyncio.create_task(play(producer, a_call(name), frames_of(1, 40), 0.1)) for name in ("a", "b")]
        await until(lambda: {call_id for call_id, _, _ in Busy.begun} == {"a", "b"})
        recording = await producer.start(a_call("recording", service_class=service_class))
        for pcm in frames_of(2, 300):
            recording.send(pcm)
        await asyncio.gather(*live)
    others = [(beside, ms) for call_id, beside, ms in Busy.begun if call_id == "recording"][1:]
    assert len(others) > 10
    assert all(not beside and ms <= SLICE_MS + 100 for beside, ms in others)
