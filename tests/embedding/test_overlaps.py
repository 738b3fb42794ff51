"""Who is heard in which window, with sound that says itself who talks: when two talk at once is told once, as it was.

The height of a sample is a sum of 1/8, 1/4 and 1/2, one for each of three voices; the model reads it in every frame.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.contract.v1 import CallStarted, Encoding, Overlap, SpeechState
from speakerline.shared.runtime.stage import Event
from speakerline.shared.voiceprints.segmentation import FIRST_CENTRE_S, FRAME_STEP_S
from speakerline.shared.voiceprints.vectors import decode_vector
from tests.embedding.test_stage import ended, run, speech, windows
from tests.no_sound import NoSound

RATE = 16_000
CENTRES = np.rint((FIRST_CENTRE_S + FRAME_STEP_S * np.arange(293)) * RATE).astype(int)
FRAME_MS = 17


class Talk(NoSound):
    """(voice, start_ms, end_ms), voices 0 to 2."""

    def __init__(self, *spans: tuple[int, int, int]) -> None:
        self._spans = spans

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Any:
        samples = np.zeros(end_sample, np.float32)
        for voice, start_ms, end_ms in self._spans:
            samples[start_ms * 16 : end_ms * 16] += 2**voice / 8
        return samples[start_sample:]


async def scores(window: Any) -> Any:
    mask = np.rint(window[CENTRES] * 8).astype(int)
    return (mask[:, None] >> np.arange(3) & 1).astype(np.float32)


async def voiceprint(piece: Any) -> Any:
    """How many frames it was taken from, and which voice they hold."""
    window, frames = piece
    return np.array([frames.sum(), window[CENTRES][frames].mean() * 8], np.float32)


def opened(*spans: tuple[int, int, int], parts: dict[str, bytes] | None = None) -> Any:
    call = CallStarted("c", RATE, Encoding.S16LE, 1)
    return EmbeddingStage(scores, voiceprint).open(call, parts or {}, Talk(*spans))


def spoken(start_ms: int, end_ms: int) -> list[Event]:
    """A segment as the VAD tells it."""
    opening = speech(start_ms + 100, SpeechState.OPENED, start_ms, start_ms + 100)
    return [opening, speech(end_ms + 300, SpeechState.CLOSED, start_ms, end_ms)]


def overlaps(events: Sequence[Event]) -> list[tuple[int, str, int, int, int]]:
    """Where each was told, its id, its bounds, its voices."""
    bodies = [(event.position, event.body) for event in events if isinstance(event.body, Overlap)]
    return [(at_ms, one.overlap_id, one.start_ms, one.end_ms, one.voices) for at_ms, one in bodies]


def test_an_overlap_is_told_once_with_its_bounds_however_many_windows_hear_it():
    """It lies in the five seconds of seven windows; each tells what is new in it since the window before."""
    told = overlaps(run(opened((0, 300, 9000), (1, 3500, 6400)), [*spoken(300, 9000), ended(9500)]))
    assert told == [
        (4000, "O1", 3494, 4000, 2),
        (5000, "O2", 4000, 5000, 2),
        (6000, "O3", 5000, 6000, 2),
        (7000, "O4", 6000, 6393, 2),
    ]


def test_an_overlap_before_a_silence_is_not_told_again_after_it():
    call = opened((0, 300, 2000), (1, 1200, 1800), (0, 4100, 4900))
    told = overlaps(run(call, [*spoken(300, 2000), *spoken(4100, 4900), ended(6000)]))
    assert [(at_ms, name) for at_ms, name, *_ in told] == [(2000, "O1")]


def test_two_overlaps_in_one_window_have_names_of_their_own_and_the_most_voices_at_a_time():
    call = opened((0, 0, 2000), (1, 1100, 1400), (1, 1600, 1900), (2, 1700, 1800))
    told = overlaps(run(call, [*spoken(0, 2000), ended(3000)]))
    assert [(at_ms, name, voices) for at_ms, name, _, _, voices in told] == [(2000, "O1", 2), (2000, "O2", 3)]
    for (_, _, start_ms, end_ms, _), expected in zip(told, [(1100, 1400), (1600, 1900)], strict=True):
        assert (start_ms, end_ms) == pytest.approx(expected, abs=FRAME_MS)


def test_under_overload_what_was_left_out_is_heard_with_the_next_window():
    call = opened((0, 0, 9000), (1, 1200, 1800), (1, 3300, 3600))
    first = asyncio.run(call.push(spoken(0, 9000)[:1], 1000)).events
    call.shed(1)
    shed = asyncio.run(call.push([], 4000)).events
    assert overlaps(first) == []
    assert [at_ms for at_ms, *_ in overlaps(shed)] == [4000, 4000]
    for (_, _, start_ms, end_ms, _), expected in zip(overlaps(shed), [(1200, 1800), (3300, 3600)], strict=True):
        assert (start_ms, end_ms) == pytest.approx(expected, abs=FRAME_MS)


def test_a_restart_under_overload_changes_nothing():
    call, restarted = (opened((0, 0, 9000), (1, 1200, 1800)) for _ in range(2))
    found: list[list[Event]] = [[], []]
    for number, one in enumerate((call, restarted)):
        for through_ms, level in ((1000, 1), (2000, 1), (4500, 1), (5000, 1), (7000, 0), (8000, 0)):
            found[number] += asyncio.run(one.push(spoken(0, 9000)[:1] if through_ms == 1000 else [], through_ms)).events
            if number:
                one = opened((0, 0, 9000), (1, 1200, 1800), parts=dict(one.snapshot()))
            one.shed(level)
    assert found[0] == found[1]
    assert [window.end_ms for window in windows(found[0])] == [1000, 4000, 7000, 8000]


def test_a_voice_is_described_by_the_frames_in_which_it_is_alone():
    call = opened((0, 0, 3000), (1, 2000, 4000))
    *_, last = windows(run(call, [*spoken(0, 4000), ended(5000)]))
    one, other = last.voices
    assert one.spans_ms == pytest.approx([0, 3000], abs=FRAME_MS)
    assert other.spans_ms == pytest.approx([2050, 4000], abs=FRAME_MS)
    for voice, number, alone_ms in ((one, 1, 2000), (other, 2, 1000)):
        frames, height = decode_vector(voice.voiceprint)
        assert height == number, "none of the frames in which both are heard"
        assert voice.clean_ms == pytest.approx(frames * 5000 / 293, abs=1.1 * FRAME_MS), "or of the window before"
        assert voice.clean_ms == pytest.approx(alone_ms, abs=60)


@pytest.mark.parametrize(("alone_frames", "described"), [(11, False), (12, True)])
def test_a_voice_that_is_hardly_ever_alone_has_no_voiceprint(alone_frames: int, described: bool):
    alone_ms = alone_frames * 135 // 8
    call = opened((0, 0, 1500), (1, 1000, 1500 + alone_ms))
    one, other = windows(run(call, [*spoken(0, 1500 + alone_ms), ended(3000)]))[-1].voices
    assert one.voiceprint
    assert bool(other.voiceprint) is described
    assert other.clean_ms == round(alone_frames * 5000 / 293)
