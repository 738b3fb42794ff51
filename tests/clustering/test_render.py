"""From what windows say to stretches of speech: a vote, gaps that are filled, voices that are added."""

import numpy as np
import pytest

from speakerline.services.clustering.render import Votes, added, runs, vote

THREE = np.array([[0, 2000]] * 3)


def votes_of(*spans: tuple[int, int], sure: float = 0.5, from_ms: int = 0) -> Votes:
    """What three windows of two seconds say of one speaker."""
    return vote(np.array(spans).reshape(-1, 2), np.zeros(len(spans), int), np.full(len(spans), sure), THREE, 1, from_ms)


SAID = [(0, 1000), (0, 1000), (500, 1500), (1100, 2000), (1100, 2000)]


def test_the_majority_of_windows_decides_and_gaps_are_filled() -> None:
    assert runs(votes_of(*SAID), 0, 250) == [(0, 2000, 0.5)]
    assert runs(votes_of(*SAID), 0, 101) == [(0, 2000, 0.5)]
    assert runs(votes_of(*SAID), 0, 100) == [(0, 1000, 0.5), (1100, 2000, 0.5)]
    assert runs(votes_of(*SAID, from_ms=600), 0, 100) == [(600, 1000, 0.5), (1100, 2000, 0.5)]


def test_half_of_the_windows_are_enough() -> None:
    windows = np.array([[0, 1000], [0, 2000]])
    votes = vote(np.array([[500, 1500]]), np.zeros(1, int), np.full(1, 0.7), windows, 1)
    assert runs(votes, 0, 1) == [(500, 1500, 0.7)]
    votes = vote(np.array([[500, 1500]]), np.zeros(1, int), np.full(1, 0.7), np.array([*windows, [0, 1000]]), 1)
    assert runs(votes, 0, 1) == [(1000, 1500, 0.7)]


FIVE = np.array([[0, 5000]] * 5)


def named(*labels: int, recent: int = 5) -> list[list[int]]:
    """Whom five windows name of which the first `recent` are recent there, each one voice all the time."""
    recent_ms = np.where(np.arange(len(labels)) < recent, 0, 5000)
    spans, sure = np.array([[0, 5000]] * len(labels)), np.ones(len(labels))
    votes = vote(spans, np.array(labels), sure, FIVE, 3, 0, recent_ms)
    return [np.flatnonzero(one).tolist() for one in votes.active]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((0, 0, 1, 1, 1), [[1]]),
        ((0, 0, 1, 1, 2), [[0]]),
        ((0, 0, 0, 0, 0, 1), [[0]]),
        ((0, 0, 0, 0, 0, 1, 1), [[0, 1]]),
        ((1, 1, 1, 1, 1, 0, 0, 2, 2), [[0, 1]]),
        ((0, 0, 0), [[0]]),
        ((0, 1, 2), [[0]]),
        ((0, 0), [[]]),
    ],
    ids=[
        "of one voice the likelier speaker",
        "the first one where votes are equal",
        "another voice that one window hears is none",
        "another voice that two of five hear is one",
        "no more speakers than voices",
        "who is named by half",
        "somebody speaks, though windows disagree on who",
        "less than half is nobody",
    ],
)
def test_windows_vote_on_how_many_speak_and_who(labels: tuple[int, ...], expected: list[list[int]]) -> None:
    assert named(*labels) == expected


def test_what_a_window_says_of_its_recent_part_counts_four_times_as_much() -> None:
    assert named(0, 1, 1, 1, 1, recent=1) == [[0]]
    assert named(0, 1, 1, 1, 1, recent=2) == [[1]]


def test_certainty_is_weighted_alike() -> None:
    spans, recent_ms = np.array([[0, 2000], [0, 2000]]), np.array([0, 2000])
    votes = vote(spans, np.zeros(2, int), np.array([0.9, 0.4]), np.array([[0, 2000]] * 2), 1, 0, recent_ms)
    ((start_ms, end_ms, sure),) = runs(votes, 0, 1)
    assert (start_ms, end_ms) == (0, 2000)
    assert sure == pytest.approx(0.8)


def test_votes_of_nobody_are_silence() -> None:
    assert runs(votes_of(), 0, 250) == []


def test_every_speaker_has_votes_of_its_own() -> None:
    spans, labels = np.array([[0, 900], [100, 1000], [600, 2000]]), np.array([0, 2, 2])
    votes = vote(spans, labels, np.array([0.9, 0.6, 0.8]), np.array([[0, 2000]]), 3)
    assert [[(a, b, round(sure, 3)) for a, b, sure in runs(votes, who, 1)] for who in range(2)] == [[(0, 900, 0.9)], []]
    ((start, end, sure),) = runs(votes, 2, 1)
    assert (start, end) == (100, 2000)
    assert sure == pytest.approx((500 * 0.6 + 400 * 0.7 + 1000 * 0.8) / 1900)


FOUR = np.array([[0, 1000]] * 4)


@pytest.mark.parametrize(
    ("labels", "sure", "active"),
    [
        ([0, 0, 1, 1], [0.9, 0.9, 0.6, 0.6], [0]),
        ([0, 0, 1, 1], [0.6, 0.6, 0.7, 0.7], [1]),
        ([0, 1, 1, 1], [1.0, 0.5, 0.5, 0.5], [1]),
        ([0, 0, 1, 1, 1], [0.9, 0.9, 0.6, 0.6, 0.6], [1]),
        ([0, 0, 0, 0, 1, 1], [0.9] * 6, [0, 1]),
        ([0, 0, 1, 1, 2, 2], [0.9, 0.9, 0.8, 0.8, 0.7, 0.7], [0, 1]),
    ],
    ids=[
        "as many votes for either",
        "the surer one is the second",
        "more votes count before more certainty",
        "one window of four hears both",
        "half of the windows hear two",
        "three are named where two are heard",
    ],
)
def test_no_more_are_active_than_voices_are_heard(labels: list[int], sure: list[float], active: list[int]) -> None:
    spans = np.array([[0, 1000]] * len(labels))
    votes = vote(spans, np.array(labels), np.array(sure), FOUR, 3)
    assert np.flatnonzero(votes.active[0]).tolist() == active


def test_certainty_is_the_mean_over_speech_not_over_gaps() -> None:
    votes = vote(np.array([[0, 300], [400, 1000]]), np.zeros(2, int), np.array([0.9, 0.6]), np.array([[0, 2000]]), 1)
    ((start, end, sure),) = runs(votes, 0, 200)
    assert (start, end) == (0, 1000)
    assert sure == pytest.approx((300 * 0.9 + 600 * 0.6) / 900)
    parts = [(a, b, round(sure, 3)) for a, b, sure in runs(votes, 0, 50)]
    assert parts == [(0, 300, 0.9), (400, 1000, 0.6)]


ONE = vote(np.array([[0, 1500]]), np.zeros(1, int), np.full(1, 0.9), np.array([[0, 2000]]), 1)


def test_lifted_voices_are_added_to_what_the_windows_say() -> None:
    more = added(ONE, np.array([1]), np.array([[500, 1000], [1200, 1800]]), np.array([0, 1]), np.full(2, 0.7), 2, 0)
    assert runs(more, 0, 100) == [(500, 1000, 0.7)]
    ((start, end, sure),) = runs(more, 1, 100)
    assert (start, end) == (0, 1800)
    assert sure == pytest.approx((1500 * 0.9 + 300 * 0.7) / 1800)


def test_voices_lifted_twice_are_as_sure_as_on_average() -> None:
    spans = np.array([[1500, 1800], [1500, 1800]])
    more = added(ONE, np.array([0]), spans, np.array([1, 1]), np.array([0.6, 0.8]), 2, 0)
    assert [(a, b, round(sure, 3)) for a, b, sure in runs(more, 1, 1)] == [(1500, 1800, 0.7)]
    assert [(a, b, round(sure, 3)) for a, b, sure in runs(more, 0, 1)] == [(0, 1500, 0.9)]


@pytest.mark.parametrize(
    ("span", "from_ms", "expected"),
    [
        ((1900, 2600), 100, [(0, 1500), (1900, 2600)]),
        ((2200, 2600), 0, [(0, 1500), (2200, 2600)]),
        ((1400, 1700), 1600, [(0, 1500), (1600, 1700)]),
    ],
    ids=["over the edge of what windows heard", "behind it", "only from a time on"],
)
def test_lifted_voices_may_lie_behind_the_windows(
    span: tuple[int, int], from_ms: int, expected: list[tuple[int, int]]
) -> None:
    beyond = added(ONE, np.array([0]), np.array([span]), np.array([0]), np.full(1, 0.7), 1, from_ms)
    assert [(a, b) for a, b, _ in runs(beyond, 0, 50)] == expected


def test_lifted_voices_may_lie_before_the_windows() -> None:
    late = vote(np.array([[1000, 1500]]), np.zeros(1, int), np.full(1, 0.9), np.array([[1000, 2000]]), 1)
    more = added(late, np.array([0]), np.array([[200, 600]]), np.array([0]), np.full(1, 0.7), 1, 0)
    assert [(a, b) for a, b, _ in runs(more, 0, 50)] == [(200, 600), (1000, 1500)]
