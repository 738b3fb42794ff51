"""The embedding stage with models that answer by rule: what is due, what is promised; batches change nothing."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.contract.v1 import (
    AudioEnded,
    CallStarted,
    ChannelMode,
    Degraded,
    Encoding,
    Gap,
    Overlap,
    Speech,
    SpeechState,
    VoiceWindow,
)
from speakerline.shared.pipeline import EMBEDDING, SPEECH
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event, Step
from tests.no_sound import NoSound

RATE = 8000
OPENED, GREW, CLOSED = SpeechState.OPENED, SpeechState.GREW, SpeechState.CLOSED


class Sound(NoSound):
    """Every channel hums at its own pitch; `same` makes the second one a quieter copy of the first."""

    def __init__(self, same: bool = False) -> None:
        self._same = same

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        number = 0 if self._same else channel
        times = np.arange(start_sample, end_sample)
        return (0.1 * (1 - 0.5 * channel) * np.sin(times * times * (3 + number) * 1e-5)).astype(np.float32)


async def scores(window: Any) -> Any:
    """The first local voice is on in the second half of the window, the second in its last tenth."""
    out = np.zeros((293, 3), np.float32)
    out[146:, 0] = out[263:, 1] = 1
    return out


async def voiceprint(piece: Any) -> Any:
    vector = np.ones(4, np.float32)
    vector[0] += float(piece[0][-1])
    return vector / np.linalg.norm(vector)


def open_call(parts: dict[str, bytes] | None = None, channels: int = 1, same: bool = False, mode: Any = 0) -> Any:
    call = CallStarted("c", RATE, Encoding.MULAW, channels, ChannelMode(mode))
    return EmbeddingStage(scores, voiceprint).open(call, parts or {}, Sound(same))


def speech(at_ms: int, state: SpeechState, start_ms: int, end_ms: int, channel: int = 0) -> Event:
    return Event(SPEECH, at_ms, Speech("s", channel, state, start_ms, end_ms))


def ended(at_ms: int) -> Event:
    return Event(SPEECH, at_ms, AudioEnded(end_ms=at_ms))


CALL = [
    speech(450, OPENED, 300, 450),
    speech(1000, GREW, 300, 1000),
    speech(2000, GREW, 300, 2000),
    speech(2700, CLOSED, 300, 2300),
    speech(5200, OPENED, 5000, 5200),
    speech(6000, CLOSED, 5000, 5500),
    ended(6600),
]


def run(call: Any, entries: Sequence[Event], cuts: Sequence[int] = (), restore: bool = False) -> list[Event]:
    """All events, with the entries cut into batches; with `restore` the call is opened anew after each."""
    found: list[Event] = []
    bounds = [0, *sorted(set(cuts)), len(entries)]
    for begin, end in itertools.pairwise(bounds):
        batch = entries[begin:end]
        passed = FOREVER if end == len(entries) else entries[end].position - 1
        step: Step = asyncio.run(call.push(batch, passed))
        found += step.events
        if restore:
            call = open_call(dict(call.snapshot()))
    return found


def windows(events: Sequence[Event]) -> list[VoiceWindow]:
    """What was listened to: without the empty window that ends the stream."""
    found = [event.body for event in events if isinstance(event.body, VoiceWindow)]
    return [window for window in found if window.end_ms > window.start_ms]


def test_speech_is_listened_to_at_the_grid_and_at_the_end_of_its_step() -> None:
    assert [window.end_ms for window in windows(run(open_call(), CALL))] == [1000, 2000, 3000, 6000]


def test_a_call_that_ends_off_the_grid_gets_a_last_window_at_its_end() -> None:
    found = windows(run(open_call(), [speech(450, OPENED, 300, 450), ended(1400)]))
    assert [window.end_ms for window in found] == [1000, 1400]


def test_silence_costs_no_window() -> None:
    events = run(open_call(), [ended(60_000)])
    assert windows(events) == []
    assert [event.position for event in events] == [61_000]


async def test_it_keeps_every_rule_of_a_stage() -> None:
    recording = Recording(CallStarted("c", RATE, Encoding.MULAW, 1), CALL, Sound())
    await check_stage(EmbeddingStage(scores, voiceprint), EMBEDDING, recording, rounds=8)


async def test_a_call_that_fails_leaves_nothing_running() -> None:
    asked: list[str] = []

    async def slow(window: Any) -> Any:
        asked.append("scores")
        if len(asked) > 1:
            raise ConnectionError("Redis went away")
        await asyncio.sleep(3600)

    call = EmbeddingStage(slow, voiceprint).open(CallStarted("c", RATE, Encoding.MULAW, 1), {}, Sound())
    before = asyncio.all_tasks()
    with pytest.raises(ConnectionError):
        await call.push(CALL, FOREVER)
    assert asyncio.all_tasks() == before


def test_sound_that_a_later_window_may_need_is_kept() -> None:
    call = open_call()
    step = asyncio.run(call.push([speech(450, OPENED, 300, 450)], 9_500))
    assert step.through_ms == 9_999
    assert step.audio_from == {0: 4_501 * RATE // 1000}


def test_two_voices_at_once_are_an_overlap() -> None:
    overlaps = [event.body for event in run(open_call(), CALL) if isinstance(event.body, Overlap)]
    assert [one.overlap_id for one in overlaps] == ["O1", "O2", "O3", "O4"]
    assert all(one.voices == 2 for one in overlaps)


@pytest.mark.parametrize(
    ("same", "mode", "heard"),
    [
        pytest.param(False, ChannelMode.AUTO, {0, 1}, id="two parties are both heard"),
        pytest.param(True, ChannelMode.AUTO, {0}, id="a copy of another channel says nothing of its own"),
        pytest.param(True, ChannelMode.SEPARATE, {0, 1}, id="channels declared separate are not compared"),
    ],
)
def test_channels(same: bool, mode: ChannelMode, heard: set[int]) -> None:
    both = [speech(450, OPENED, 300, 450), speech(450, OPENED, 300, 450, channel=1), ended(5_000)]
    found = windows(run(open_call(None, 2, same, int(mode)), both))
    assert {window.channel for window in found} == {0, 1}
    assert {window.channel for window in found if window.voices} == heard


def test_under_overload_every_third_grid_point_is_listened_to_and_the_stretch_is_marked() -> None:
    call = open_call()
    first = asyncio.run(call.push([speech(450, OPENED, 300, 450)], 1_000))
    call.shed(1)
    shed = asyncio.run(call.push([], 7_000))
    call.shed(0)
    after = asyncio.run(call.push([], 9_000))
    assert [window.end_ms for window in windows(first.events)] == [1000]
    assert [window.end_ms for window in windows(shed.events)] == [4000, 7000]
    marks = [event.body for event in after.events if isinstance(event.body, Degraded)]
    assert [(mark.start_ms, mark.end_ms, mark.stage) for mark in marks] == [(1000, 8000, "embedding")]


def test_overload_that_lasts_to_the_end_of_the_call_is_marked_too() -> None:
    call = open_call()
    asyncio.run(call.push([speech(450, OPENED, 300, 450)], 1_000))
    call.shed(1)
    asyncio.run(call.push([], 7_000))
    end = asyncio.run(call.push([ended(7_500)], FOREVER))
    marks = [event.body for event in end.events if isinstance(event.body, Degraded)]
    assert [(mark.start_ms, mark.end_ms) for mark in marks] == [(1000, 7500)]


def test_what_fails_again_and_again_becomes_a_gap() -> None:
    call = open_call()
    step = asyncio.run(call.skip(speech(450, OPENED, 300, 450), 1_500, "three times"))
    (gap,) = [event.body for event in step.events]
    assert isinstance(gap, Gap)
    assert (gap.stage, gap.detail, gap.end_ms) == ("embedding", "three times", 1000)
