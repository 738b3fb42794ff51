"""Probabilities to segments. A text draws the probabilities: each letter is a chunk of 32 ms."""

import pytest

from speakerline.services.vad.segmenter import Segmenter
from speakerline.services.vad.settings import VadSettings
from speakerline.shared.contract.v1 import SpeechState

LEVELS = {"#": 0.9, "~": 0.4, "_": 0.1}  # speech, between leave and enter, none
PAUSE = "_" * 13  # 416 ms, the first whole chunk beyond 400


def segments(drawn: str, **settings) -> list[tuple[int, int]]:
    segmenter = Segmenter(VadSettings(**{"pre_roll_ms": 0, **settings}))
    changes = [segmenter.push(32 * i, LEVELS[letter]) for i, letter in enumerate(drawn)]
    changes.append(segmenter.end(32 * len(drawn)))
    return [(one.start_ms, one.end_ms) for one in changes if one and one.state == SpeechState.CLOSED]


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        pytest.param("", [], id="nothing gives nothing"),
        pytest.param("_____" + PAUSE, [], id="silence has no segment"),
        pytest.param("_####" + PAUSE, [], id="a burst of 128 ms is too short"),
        pytest.param("_#####" + PAUSE, [(32, 192)], id="160 ms are speech"),
        pytest.param("_####_####_" + PAUSE, [], id="two bursts do not add up"),
        pytest.param("#####" + "_" * 12 + "#" + PAUSE, [(0, 576)], id="a pause of 384 ms does not split"),
        pytest.param("#####" + PAUSE + "#####", [(0, 160), (576, 736)], id="a pause of 416 ms splits"),
        pytest.param("~~~~~~~~" + PAUSE, [], id="a wavering probability opens nothing"),
        pytest.param("#~~~~~~~" + PAUSE, [(0, 256)], id="a wavering probability keeps speech alive"),
        pytest.param("#####" + "_" + "~" * 12, [(0, 160)], id="a wavering probability does not end a pause"),
        pytest.param("########", [(0, 256)], id="speech ends with the sound"),
        pytest.param("########___", [(0, 256)], id="a pause at the end of the sound is not speech"),
    ],
)
def test_segments(drawn: str, expected: list[tuple[int, int]]) -> None:
    assert segments(drawn) == expected


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        pytest.param("_" * 10 + "#####", [(220, 480)], id="the start is moved back"),
        pytest.param("__#####", [(0, 224)], id="but not before the call"),
        pytest.param("#####_#####", [(0, 160), (160, 352)], id="nor over the segment before"),
    ],
)
def test_pre_roll(drawn: str, expected: list[tuple[int, int]]) -> None:
    assert segments(drawn, pre_roll_ms=100, max_pause_ms=32) == expected


def test_a_segment_keeps_its_number_from_opened_to_closed_and_grows_once_a_second() -> None:
    segmenter = Segmenter(VadSettings())
    changes = [(32 * (i + 1), segmenter.push(32 * i, p)) for i, p in enumerate([0.9] * 70 + [0.0] * 13)]
    assert [(at, one.state.name, one.number, one.end_ms) for at, one in changes if one] == [
        (160, "OPENED", 1, 160),
        (1024, "GREW", 1, 1024),
        (2016, "GREW", 1, 2016),
        (2656, "CLOSED", 1, 2240),
    ]


@pytest.mark.parametrize("spoken", [0, 3, 20], ids=["quiet", "rising", "speaking"])
def test_a_leap_changes_what_as_many_silent_chunks_would(spoken: int) -> None:
    one, other = Segmenter(VadSettings()), Segmenter(VadSettings())
    for i in range(spoken):
        one.push(32 * i, 0.9)
        other.push(32 * i, 0.9)
    silent = [(32 * i, change) for i in range(spoken, 1000) if (change := one.push(32 * i, 0.0))]
    assert other.leap(32 * spoken, 32_000) == silent
    assert other == one
