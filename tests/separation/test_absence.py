"""A leg that is absent: what it brings late changes no separation that was due before it was told."""

import asyncio
from typing import Any

import numpy as np
import pytest

from speakerline.services.separation.known_sound import as_known
from speakerline.services.separation.separator import Mixture
from speakerline.services.separation.stage import SeparationStage, Separator
from speakerline.shared.contract.v1 import Absence, CallStarted, Encoding, Overlap
from speakerline.shared.pipeline import OVERLAPS, SEPARATION
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.no_sound import NoSound

RATE = 8000


class Log(NoSound):
    """Noise on every channel, as far as it has come."""

    def __init__(self, *ends_ms: int) -> None:
        self._ends = [end_ms * RATE // 1000 for end_ms in ends_ms]

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        noise = np.random.default_rng(channel).standard_normal(80_000).astype(np.float32)
        noise[self._ends[channel] :] = 0
        return noise[start_sample:end_sample]


def absence(at_ms: int, over: bool = False) -> Event:
    return Event(OVERLAPS, at_ms, Absence("a1-1", 1, 4_300, 4_300, over))


def overlap(number: int, start_ms: int, end_ms: int, at_ms: int) -> Event:
    return Event(OVERLAPS, at_ms, Overlap(f"O{number}", 1, start_ms, end_ms, 2))


CALL = [
    overlap(1, 3_200, 3_900, 4_000),
    absence(5_000),
    absence(8_000, over=True),
    overlap(2, 4_500, 5_000, 8_000),
]
"""Channel 1 stops at 4.3 s; what follows comes when the call has passed 7 s."""


class Given:
    """Keeps what a model is given."""

    def __init__(self) -> None:
        self.mixtures: list[Mixture] = []

    async def separate(self, mixture: Mixture) -> Any:
        self.mixtures.append(mixture)
        return np.zeros((2, len(mixture.samples)), np.float32)


async def voiceprint(piece: Any) -> Any:
    return np.array([1, 0], np.float32)


def open_call(given: Given, audio: Log, channels: int = 2) -> Any:
    started = CallStarted("c", RATE, Encoding.MULAW, channels)
    return SeparationStage(Separator("made", given.separate, voiceprint)).open(started, {}, audio)


@pytest.mark.parametrize("channels", [2, 3])
def test_a_stage_that_lags_separates_what_a_prompt_one_does(channels: int) -> None:
    """The lagging one finds all of the sound in the log when the overlap before the absence falls due."""
    ahead = [9_000] * (channels - 2)
    prompt, lagging = Given(), Given()
    asyncio.run(open_call(prompt, Log(6_000, 4_300, *ahead), channels).push(CALL[:2], 6_000))
    asyncio.run(open_call(lagging, Log(9_000, 9_000, *ahead), channels).push(CALL, FOREVER))
    (one, other, late) = (*prompt.mixtures, *lagging.mixtures)
    assert (one.samples == other.samples).all() and len(one.samples) == (4_650 - 1_700) * 8
    assert one.channels is None or (one.channels == other.channels).all()
    assert np.abs(late.samples[(4_500 - 3_000) * 8 :]).min() > 0, "what it brought late is separated as it is"


def test_the_sound_that_late_overlaps_need_is_kept_until_they_are_told() -> None:
    call = open_call(Given(), Log(90_000, 90_000))
    held = {0: 0, 1: 0}
    assert asyncio.run(call.push([absence(5_000)], 7_000)).audio_from == held
    assert asyncio.run(call.push([], 7_999)).audio_from == held
    assert asyncio.run(call.push([absence(8_000, over=True)], 7_999)).audio_from == held
    assert asyncio.run(call.push([], 8_000)).audio_from == {0: 1_500 * 8, 1: 1_500 * 8}


async def test_every_rule_of_a_stage_holds() -> None:
    recording = Recording(CallStarted("c", RATE, Encoding.MULAW, 2), CALL, Log(9_000, 9_000))
    await check_stage(SeparationStage(Separator("made", Given().separate, voiceprint)), SEPARATION, recording, rounds=8)


def test_sound_is_silent_from_where_it_is_not_known() -> None:
    sound = np.ones(80, np.float32)
    assert as_known(sound, 800, None, RATE) is sound
    assert as_known(sound, 800, 110, RATE) is sound
    assert as_known(sound, 800, 105, RATE).tolist() == [1] * 40 + [0] * 40
    assert as_known(sound, 800, 50, RATE).tolist() == [0] * 80
