"""The pure parts of clustering, each by itself."""

import numpy as np
import pytest

from speakerline.services.clustering.render import runs, vote
from speakerline.services.clustering.tracklets import active_ms, link, shared_ms


def test_shared_and_active_time_of_spans() -> None:
    assert shared_ms([0, 1000, 2000, 3000], [500, 2500]) == 1000
    assert active_ms([0, 1000, 2000, 3000], 500, 2600) == 1100


@pytest.mark.parametrize(
    ("before", "after", "links"),
    [
        ([[0, 4000]], [[1000, 4000, 4500, 5000]], [0]),
        ([[0, 2000], [2000, 5000]], [[2000, 5500], [1000, 2000]], [1, 0]),
        ([[0, 1200]], [[1000, 1200]], [-1]),
        ([[0, 5000]], [[1000, 2000], [2000, 5000]], [-1, -1]),
        ([], [[1000, 2000]], [-1]),
    ],
    ids=[
        "the same activity is the same voice",
        "voices may change places",
        "a moment in common is too little",
        "a voice that fell apart is linked to neither part",
        "nothing before",
    ],
)
def test_links_between_windows(before: list[list[int]], after: list[list[int]], links: list[int]) -> None:
    assert link(before, after, 1000, 5000) == links


def test_the_majority_of_windows_decides_and_gaps_are_filled() -> None:
    windows = np.array([[0, 2000], [0, 2000], [0, 2000]])
    spans = np.array([[0, 1000], [0, 1000], [500, 1500], [1100, 2000], [1100, 2000]])
    votes = vote(spans, np.zeros(5, int), np.full(5, 0.5), windows, 1)
    assert runs(votes, 0, 250) == [(0, 2000, 0.5)]
    assert runs(votes, 0, 100) == [(0, 1000, 0.5), (1100, 2000, 0.5)]
    late = vote(spans, np.zeros(5, int), np.full(5, 0.5), windows, 1, from_ms=600)
    assert runs(late, 0, 100) == [(600, 1000, 0.5), (1100, 2000, 0.5)]


def test_votes_of_nobody_are_silence() -> None:
    votes = vote(np.zeros((0, 2), int), np.zeros(0, int), np.zeros(0), np.array([[0, 1000]]), 1)
    assert runs(votes, 0, 250) == []
