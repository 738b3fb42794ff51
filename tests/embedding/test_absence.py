"""A channel that is absent: its sound is listened to as far as it was known, and what it brings late all the same."""

import asyncio
from typing import Any

import numpy as np
import pytest

from speakerline.services.embedding.analysis import Analysis
from speakerline.services.embedding.plan import Due
from speakerline.services.embedding.prints import WINDOW_MS, Prints
from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.contract.v1 import (
    Absence,
    AudioEnded,
    CallStarted,
    Encoding,
    Gap,
    Speech,
    SpeechState,
    VoiceWindow,
)
from speakerline.shared.pipeline import EMBEDDING, SPEECH
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from tests.no_sound import NoSound

RATE = 8000
OPENED, GREW, CLOSED = SpeechState.OPENED, SpeechState.GREW, SpeechState.CLOSED


class Hum(NoSound):
    """Sound everywhere, also where none is known yet."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        return np.full(end_sample - start_sample, 0.1 * (1 + channel), np.float32)


class Heard:
    """Records of each window how many ms of it were sound."""

    def __init__(self) -> None:
        self.sound_ms: list[float] = []

    async def scores(self, window: Any) -> Any:
        self.sound_ms.append(np.count_nonzero(np.abs(window) > 0.01) / 16)
        out = np.zeros((293, 3), np.float32)
        out[146:, 0] = 1
        return out


async def voiceprint(piece: Any) -> Any:
    return np.array([1, 0, 0, 0], np.float32)


def speech(at_ms: int, state: SpeechState, start_ms: int, end_ms: int, channel: int) -> Event:
    return Event(SPEECH, at_ms, Speech(f"s{channel}", channel, state, start_ms, end_ms))


def absence(at_ms: int, start_ms: int, end_ms: int, over: bool = False) -> Event:
    return Event(SPEECH, at_ms, Absence("a1-1", 1, start_ms, end_ms, over))


LATE = [
    speech(300, OPENED, 100, 300, 0),
    speech(400, OPENED, 200, 400, 1),
    speech(1601, CLOSED, 200, 1600, 1),
    absence(1601, 1600, 1600),
    speech(2000, GREW, 100, 2000, 0),
    speech(3000, GREW, 100, 3000, 0),
    absence(3501, 1600, 1600, over=True),
    speech(3501, OPENED, 1600, 1800, 1),
    speech(3501, GREW, 1600, 2016, 1),
    speech(3501, CLOSED, 1600, 3200, 1),
    speech(4000, GREW, 100, 4000, 0),
    speech(5000, CLOSED, 100, 4800, 0),
    Event(SPEECH, 5200, AudioEnded(end_ms=5200)),
]
"""Channel 1 stops at 1.6 s; what it says until 3.2 s comes at 3.5 s."""


def open_call(heard: Heard, channel_mode: int = 2) -> Any:
    call = CallStarted("c", RATE, Encoding.MULAW, 2, channel_mode)  # type: ignore[arg-type]
    return EmbeddingStage(heard.scores, voiceprint).open(call, {}, Hum())


def windows(events: list[Event], channel: int) -> list[tuple[int, int]]:
    """Where each ends, and where it is told."""
    bodies = [(event.body, event.position) for event in events if isinstance(event.body, VoiceWindow)]
    return [(one.end_ms, at_ms) for one, at_ms in bodies if one.channel == channel and one.end_ms > one.start_ms]


def test_the_last_window_before_an_absence_ends_with_the_sound_and_late_speech_gets_windows_of_its_own() -> None:
    step = asyncio.run(open_call(Heard()).push(LATE, FOREVER))
    assert windows(step.events, 1) == [(1000, 1000), (1600, 2000), (2000, 4000), (3000, 4000), (4000, 4000)]
    assert [end_ms for end_ms, _ in windows(step.events, 0)] == [1000, 2000, 3000, 4000, 5000]


def test_separation_is_told_of_absences_before_the_windows_of_the_same_point() -> None:
    events = asyncio.run(open_call(Heard()).push(LATE, FOREVER)).events
    told = [(event.position, event.body.over) for event in events if isinstance(event.body, Absence)]
    assert told == [(2000, False), (4000, True)]
    for at_ms, _ in told:
        assert isinstance(next(event.body for event in events if event.position == at_ms), Absence)


class Same(NoSound):
    """Both channels carry the same noise."""

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        return np.random.default_rng(1).standard_normal(end_sample).astype(np.float32)[start_sample:]


def analysed(due: Due, sound: NoSound, heard: Heard) -> VoiceWindow:
    call = CallStarted("c", 16_000, Encoding.S16LE, 2)
    ((window, _),) = asyncio.run(Analysis(call, sound, heard.scores, voiceprint, Prints({})).windows([due]))
    return window


@pytest.mark.parametrize(
    ("end_ms", "known_ms", "sound_ms"),
    [
        (3000, (None, 1600), 1600),
        (3000, (1600, None), 3000),
        (3000, (None, 3000), 3000),
        (9000, (None, 4000), 0),
        (9000, (None, 3000), 0),
    ],
    ids=[
        "up to where it was known",
        "the other is absent",
        "all of it was known",
        "nothing of it was",
        "nothing since before it begins",
    ],
)
def test_what_has_come_of_an_absent_channel_by_now_is_not_listened_to_before_it_is_told(
    end_ms: int, known_ms: tuple[int | None, ...], sound_ms: int
) -> None:
    heard = Heard()
    analysed(Due(1, end_ms, 0, known_ms), Hum(), heard)
    assert heard.sound_ms == [sound_ms]


def test_sound_that_is_not_listened_to_stays_with_who_keeps_it() -> None:
    kept = np.full(3000 * 16, 0.1, np.float32)

    class Kept(NoSound):
        async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
            return kept[start_sample:end_sample]

    analysed(Due(1, 3000, 0, (None, 1600)), Kept(), Heard())
    assert np.count_nonzero(kept) == len(kept)


@pytest.mark.parametrize(("known_ms", "voices"), [((None, None), 0), ((0, None), 1)], ids=["present", "absent"])
def test_only_what_is_known_of_another_channel_makes_one_its_copy(
    known_ms: tuple[int | None, ...], voices: int
) -> None:
    assert len(analysed(Due(1, 3000, 0, known_ms), Same(), Heard()).voices) == voices


def test_the_sound_that_late_speech_needs_is_kept_until_it_is_told() -> None:
    call = open_call(Heard())
    asyncio.run(call.push([absence(20_001, 20_000, 20_000)], 29_000))
    assert call.audio_from(29_000)[1] == (20_001 - WINDOW_MS) * RATE // 1000
    asyncio.run(call.push([Event(SPEECH, 29_500, Gap(1, 20_000, 25_000))], 29_600))
    assert call.audio_from(29_600)[1] == (25_001 - WINDOW_MS) * RATE // 1000
    asyncio.run(call.push([absence(29_901, 20_000, 25_000, over=True)], 29_900))
    assert call.audio_from(29_900)[1] == (25_001 - WINDOW_MS) * RATE // 1000
    asyncio.run(call.push([], 35_000))
    assert call.audio_from(35_000)[1] == (35_001 - WINDOW_MS) * RATE // 1000


def test_what_came_late_right_before_the_end_is_listened_to() -> None:
    entries = [*LATE[:4], absence(3001, 1600, 1600, over=True), speech(3001, OPENED, 1600, 1800, 1)]
    entries += [speech(3001, CLOSED, 1600, 2900, 1), Event(SPEECH, 3001, AudioEnded(end_ms=3000))]
    step = asyncio.run(open_call(Heard()).push(entries, FOREVER))
    assert [end_ms for end_ms, _ in windows(step.events, 1)] == [1000, 1600, 2000, 3000]


async def test_every_rule_of_a_stage_holds() -> None:
    call = CallStarted("c", RATE, Encoding.MULAW, 2)
    stage = EmbeddingStage(Heard().scores, voiceprint)
    await check_stage(stage, EMBEDDING, Recording(call, LATE, Hum()), cuts=20, skips=4, rounds=3)
