"""A stage behind the front end: untouched where nothing is asked for, else given cleaned sound and a longer memory."""

from typing import Any

import numpy as np
import pytest

from speakerline.shared.contract.v1 import CallStarted, Encoding, FrontEnd
from speakerline.shared.front_end.cleaned_audio import CONTEXT_MS, CleanedAudio
from speakerline.shared.front_end.high_pass import SETTLING_MS, HighPassedAudio
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.pipeline import EMBEDDING
from speakerline.shared.runtime.stage import CallStage, Step
from tests.no_sound import NoSound


class Ear(CallStage):
    """A stage of one call that keeps what it was given."""

    spec = EMBEDDING

    def __init__(self, audio) -> None:
        super().__init__()
        self.audio = audio

    def audio_from(self, through_ms):
        return {0: 80_000 + through_ms, 1: 100}

    def snapshot(self):
        return {"kept": b"1"}


class Ears:
    def __init__(self) -> None:
        self.opened: list[Any] = []

    def open(self, call, parts, audio):
        self.opened.append(Ear(audio))
        return self.opened[-1]


def call(front_end: FrontEnd | None) -> CallStarted:
    return CallStarted("c", 8000, Encoding.S16LE, 2, front_end=front_end)


@pytest.mark.parametrize(
    "front_end",
    [None, FrontEnd(), FrontEnd(find_music=True)],
    ids=["nothing said", "all off", "music to be found"],
)
async def test_a_call_that_asks_for_no_cleaning_is_heard_through_the_high_pass(front_end) -> None:
    ears = Ears()
    one = FrontEndStage(ears).open(call(front_end), {}, NoSound())
    assert isinstance(ears.opened[0].audio, HighPassedAudio)
    assert (await one.push([], 5)).audio_from == {0: 80_005 - SETTLING_MS * 8, 1: 0}


async def test_the_sound_before_every_window_is_kept() -> None:
    ears = Ears()
    one = FrontEndStage(ears).open(call(FrontEnd(level=True)), {}, NoSound())
    context = (CONTEXT_MS + SETTLING_MS) * 8
    assert (await one.push([], 5)) == Step(through_ms=5, audio_from={0: 80_005 - context, 1: 0})
    assert (await one.skip(None, 6, "why")).audio_from == {0: 80_006 - context, 1: 0}
    assert one.snapshot() == {"kept": b"1"}
    assert isinstance(ears.opened[0].audio, CleanedAudio)


def test_a_stage_that_is_asked_to_do_less_hears_of_it() -> None:
    ears = Ears()
    FrontEndStage(ears).open(call(FrontEnd(denoise=True)), {}, NoSound()).shed(1)
    assert ears.opened[0].shed_level == 1


async def test_the_stage_hears_cleaned_sound() -> None:
    class Quiet(NoSound):
        async def read(self, channel, start, end):
            return np.full(end - start, 0.01, np.float32) * np.where(np.arange(end - start) // 8 % 2, 1, -1)

    ears = Ears()
    FrontEndStage(ears).open(call(FrontEnd(level=True)), {}, Quiet())
    heard = await ears.opened[0].audio.read(0, 32_000, 40_000)
    assert 0.05 < np.abs(heard).mean() < 0.09
