"""Whose voice a source is: how alike they sound, and who is active when."""

import numpy as np
import pytest

from speakerline.services.clustering.giving import activity, agreement, give, grid, scores
from speakerline.services.clustering.history import History
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow


def sigmoid(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))


@pytest.mark.parametrize(
    ("spans_ms", "frames"),
    [
        ([1000, 1040], [0, 1]),
        ([1040, 1080, 1160, 1200], [2, 3, 8, 9]),
        ([0, 1040], [0, 1]),
        ([1180, 9000], [9]),
        ([0, 900], []),
        ([], []),
    ],
    ids=["at the start", "two spans", "begins before", "ends behind", "all before", "never"],
)
def test_activity_in_frames_of_twenty_milliseconds(spans_ms: list[int], frames: list[int]) -> None:
    assert (len(grid(spans_ms, 1000, 1200)), np.flatnonzero(grid(spans_ms, 1000, 1200)).tolist()) == (10, frames)


def test_someone_is_active_where_at_least_half_of_the_windows_there_say_so() -> None:
    """Frames of 20 ms from 10 s on; the windows end before them, and after 5, 8 and 9 of them."""
    history = History(2)
    for end_ms, *voices in (
        (9_000, [8_000, 9_000]),
        (10_100, [10_000, 10_060], [10_000, 10_100]),
        (10_160, [10_000, 10_040, 10_120, 10_140]),
        (10_180, [10_020, 10_080], [10_140, 10_180]),
    ):
        history.append(VoiceWindow(0, 5_000, end_ms, [LocalVoice(spans, 0, "") for spans in voices]))
    assert [one.tracklets for one in history.retained] == [[0], [1, 2], [3], [4, 5]]
    speakers = [7, 7, -1, 7, 7, 2]
    active = activity(history, speakers, [2, 7], 10_000, 10_200)
    assert [np.flatnonzero(row).tolist() for row in active] == [[7, 8], [0, 1, 2, 6]]
    assert activity(history, speakers, [7], 10_180, 10_200).tolist() == [[False]], "where no window has come yet"


def test_sources_agree_with_who_is_active_beside_them() -> None:
    sources = np.stack([grid([0, 1000], 0, 2000), grid([800, 2000], 0, 2000)])
    speakers = np.stack([grid([1000, 2000], 0, 2000), grid([0, 1000], 0, 2000), grid([], 0, 2000)])
    assert agreement(sources, speakers) == pytest.approx(
        np.array([[-1, 1, -1], [2 * 10 / 12 - 1, 2 * 10 / 100 - 1, -1]])
    )
    assert agreement(grid([20, 40], 0, 100)[None], grid([20, 40], 0, 100)[None]).tolist() == [[1]]
    assert agreement(sources[:1] & False, speakers[2:]).tolist() == [[-1]]


def test_the_voice_says_more_than_the_time() -> None:
    assert scores(np.array([[0.5]]), np.array([[0.0]])) == 2.0
    assert scores(np.array([[0.5]]), np.array([[1.0]])) == 2.5


def test_no_speaker_gets_two_sources_and_sure_is_the_margin_to_the_next_best_division() -> None:
    speakers, sure = give(np.array([[3.0, 0.0], [2.5, 0.0]]))
    assert speakers == [0, 1]
    assert sure == pytest.approx([sigmoid(0.5)] * 2)


def test_the_division_with_the_highest_sum_is_taken_not_the_best_pair() -> None:
    assert give(np.array([[3.0, 2.9], [2.9, 0.0]]))[0] == [1, 0]


def test_where_there_are_fewer_speakers_than_sources_one_is_nobody_s() -> None:
    speakers, sure = give(np.array([[1.0], [2.0]]))
    assert speakers == [-1, 0]
    assert sure == pytest.approx([0.0, sigmoid(1.0)])
    assert give(np.zeros((2, 0))) == ([-1, -1], [0.0, 0.0])


def test_a_source_that_sounds_like_nobody_goes_to_somebody_all_the_same() -> None:
    speakers, sure = give(np.array([[-30.0, -31.0]]))
    assert speakers == [0]
    assert sure == pytest.approx([sigmoid(1.0)])


def test_the_only_speaker_is_surely_the_only_source_s() -> None:
    speakers, sure = give(np.array([[0.0]]))
    assert speakers == [0]
    assert sure == pytest.approx([1.0])


def test_each_source_has_a_certainty_of_its_own() -> None:
    speakers, sure = give(np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 1.0]]))
    assert speakers == [0, 1]
    assert sure == pytest.approx([sigmoid(3.0), sigmoid(2.0)])
