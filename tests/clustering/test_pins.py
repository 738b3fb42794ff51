"""What an operator says of a stretch: what it changes on the timeline, and which voices it is evidence of."""

from collections.abc import Sequence

import pytest

from speakerline.services.clustering.history import TrackedWindow
from speakerline.services.clustering.pins import Pin, pinned, pinned_tracklets
from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow

Said = tuple[str, int, int]
GAP_MS = 250
SECOND = Pin(0, 1000, 2000, was=0, speaker=1)
"""From 1 s to 2 s it was S2 who spoke, and not S1."""


def shown(said: Sequence[Said], *pins: Pin, from_ms: int = 0) -> list[Said]:
    spans = [LabelledSpan(*one, 0.8) for one in said]
    return [(one.speaker_id, one.start_ms, one.end_ms) for one in pinned(spans, pins, GAP_MS, from_ms)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([("S1", 1000, 2000)], [("S2", 1000, 2000)]),
        ([("S1", 750, 2250)], [("S1", 750, 1000), ("S2", 1000, 2000), ("S1", 2000, 2250)]),
        ([("S1", 751, 2249)], [("S2", 751, 2249)]),
        ([("S1", 1200, 1800)], [("S2", 1200, 1800)]),
        (
            [("S1", 0, 1000), ("S1", 1300, 1600), ("S1", 2000, 3000)],
            [("S1", 0, 1000), ("S2", 1300, 1600), ("S1", 2000, 3000)],
        ),
        (
            [("S1", 0, 3000), ("S3", 1100, 1900)],
            [("S1", 0, 1000), ("S2", 1000, 2000), ("S3", 1100, 1900), ("S1", 2000, 3000)],
        ),
        ([("S2", 1100, 1900), ("S3", 900, 2000)], [("S3", 900, 2000), ("S2", 1100, 1900)]),
        ([("S3", 0, 1400), ("S4", 1500, 2200)], [("S3", 0, 1400), ("S2", 1500, 2200)]),
        ([("S3", 1000, 1600), ("S4", 1500, 9000)], [("S2", 1000, 1600), ("S4", 1500, 9000)]),
        ([("", 1000, 2000)], [("S2", 1000, 2000)]),
        ([("S1", 0, 1000), ("S1", 2000, 3000)], [("S1", 0, 1000), ("S2", 1000, 2000), ("S1", 2000, 3000)]),
        ([("S1", 1000, 2000), ("S2", 2249, 3000)], [("S2", 1000, 3000)]),
        ([("S1", 1000, 2000), ("S2", 2250, 3000)], [("S2", 1000, 2000), ("S2", 2250, 3000)]),
        ([("S1", 1000, 2000), ("S2", 500, 2600)], [("S2", 500, 2600)]),
        ([("S2", 0, 200), ("S2", 500, 800), ("S1", 1000, 2000)], [("S2", 0, 200), ("S2", 500, 2000)]),
    ],
    ids=[
        "the whole turn",
        "a part of a longer one, which is parted",
        "what would be left of a turn is too short to be one",
        "a shorter turn grows no longer",
        "what only touches the stretch is left",
        "who spoke meanwhile goes on",
        "the speaker was known to speak there",
        "where neither speaks it is another's who said most there",
        "most is counted within the stretch",
        "of nobody known",
        "where nobody speaks it is the whole stretch",
        "the speaker goes on after a short pause",
        "and begins anew after a longer one",
        "the speaker had spoken meanwhile",
        "the speaker goes on from the last of its turns",
    ],
)
def test_what_an_operator_says_of_a_stretch(said: list[Said], expected: list[Said]) -> None:
    assert shown(said, SECOND) == expected


def test_of_several_the_last_counts() -> None:
    assert shown([("S1", 1000, 2000)], SECOND, Pin(0, 1000, 2000, was=1, speaker=2)) == [("S3", 1000, 2000)]


@pytest.mark.parametrize(
    ("from_ms", "expected"), [(1500, [("S2", 1500, 2000)]), (2000, [])], ids=["its later part", "nothing of it"]
)
def test_what_is_not_among_the_spans_any_more_is_not_made_again(from_ms: int, expected: list[Said]) -> None:
    assert shown([], SECOND, from_ms=from_ms) == expected


def test_what_an_operator_says_is_certain_and_what_is_joined_is_so_by_its_length() -> None:
    spans = [LabelledSpan("S1", 0, 2000, 0.5), LabelledSpan("S2", 2000, 6000, 0.6), LabelledSpan("S2", 9000, 9500, 0.7)]
    assert [one.confidence for one in pinned(spans, [SECOND], GAP_MS)] == pytest.approx(
        [0.5, (1.0 * 1000 + 0.6 * 4000) / 5000, 0.7]
    )
    assert [one.confidence for one in pinned([], [SECOND], GAP_MS)] == [1.0]


def heard(tracklet: int, end_ms: int, *voices: list[int]) -> TrackedWindow:
    """A window of 5 s whose voices, as spans, are tracklets from `tracklet` on."""
    local = [LocalVoice(spans, 0, "") for spans in voices]
    count = len(voices)
    return TrackedWindow(
        VoiceWindow(0, max(0, end_ms - 5000), end_ms, local),
        [*range(tracklet, tracklet + count)],
        [-1] * count,
        [0] * count,
        [],
    )


@pytest.mark.parametrize(
    ("voices", "found"),
    [
        ([[1000, 2000]], {7: 1}),
        ([[1000, 2250]], {7: 1}),
        ([[1000, 2251]], {}),
        ([[1000, 1500]], {7: 1}),
        ([[1000, 1499]], {}),
        ([[1000, 1300, 1700, 2000, 4000, 4150]], {7: 1}),
        ([[3000, 4000], [1200, 1900]], {8: 1}),
        ([[1000, 1500], [1300, 2000]], {8: 1}),
        ([[1000, 1700], [1500, 2000]], {7: 1}),
        ([[]], {}),
        ([], {}),
    ],
    ids=[
        "it spoke there",
        "four fifths of it did",
        "less of it did",
        "for half of the stretch",
        "for less of it",
        "with a pause",
        "another spoke elsewhere",
        "of two the one who spoke longer",
        "whichever of them is the first",
        "a voice that said nothing",
        "nobody was heard",
    ],
)
def test_which_voice_of_a_window_was_meant(voices: list[list[int]], found: dict[int, int]) -> None:
    assert pinned_tracklets([heard(7, 5000, *voices)], [SECOND]) == found


def test_only_what_a_window_has_of_a_stretch_counts_for_it() -> None:
    stretch = Pin(0, 4000, 9000, was=0, speaker=1)
    windows = [heard(1, 4000, [3000, 4000]), heard(2, 5000, [4500, 5000]), heard(3, 13_500, [8500, 8750])]
    assert pinned_tracklets(windows, [stretch]) == {2: 1, 3: 1}


def test_the_last_operator_tells_whose_a_voice_is() -> None:
    windows = [heard(7, 5000, [1000, 2000], [2000, 3000])]
    again = Pin(0, 1000, 1900, was=1, speaker=2)
    assert pinned_tracklets(windows, [SECOND, Pin(0, 2000, 3000, was=0, speaker=3), again]) == {7: 2, 8: 3}
