"""The pure parts of clustering, each by itself."""

import numpy as np
import pytest

from speakerline.services.clustering.changes import Turn, TurnWithdrawn
from speakerline.services.clustering.evidence import same_person_logit
from speakerline.services.clustering.partition import Limits, Tracks, partition
from speakerline.services.clustering.render import runs, vote
from speakerline.services.clustering.roster import match_names, match_people
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.tracklets import active_ms, link, shared_ms
from speakerline.services.clustering.turns import LabelledSpan, TurnBook


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


def test_being_heard_side_by_side_speaks_against_one_person() -> None:
    weights = np.array([0.0, 6.0, -1.0, -1.0])
    cosine, mass_s = np.array(0.4), np.array(5.0)
    apart = same_person_logit(weights, cosine, mass_s, np.array(6.0), np.array(12.0))
    assert apart < same_person_logit(weights, cosine, mass_s, np.array(0.0), np.array(12.0))


COSINE_ONLY = np.array([-4.0, 10.0, 0.0, 0.0])


def voices(*people: tuple[float, int]) -> Tracks:
    """Tracklets of 1 s: of each person (angle in degrees, how many), a little spread."""
    spread = np.random.default_rng(0).normal(0, 4, sum(count for _, count in people))
    angles = np.deg2rad(np.repeat([a for a, _ in people], [count for _, count in people]) + spread)
    size = len(angles)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Tracks(vectors, np.ones(size), np.ones(size), np.zeros((size, size)), np.full(size, -1))


def found(tracks: Tracks, expected: int | None = None, settings: ClusterSettings | None = None) -> int:
    limits = Limits(expected=expected)
    return len(partition(tracks, COSINE_ONLY, settings or ClusterSettings(), limits, final=True).mass_s)


def test_who_says_little_counts_in_a_short_call_only() -> None:
    assert found(voices((0, 12), (120, 1))) == 2
    assert found(voices((0, 80), (120, 1))) == 1


def test_a_known_count_does_not_cut_one_voice_of_a_short_call_in_two() -> None:
    assert found(voices((0, 20)), expected=3) == 1


@pytest.mark.parametrize("people", [2, 3])
def test_a_known_count_parts_voices_that_are_a_little_alike(people: int) -> None:
    assert found(voices((0, 20), (68, 20), (180, 20))) == 2
    assert found(voices((0, 20), (68, 20), (180, 20)), expected=people) == people


def test_where_one_voice_is_usual_a_second_needs_more() -> None:
    tracks = voices((0, 20), (72, 20))
    assert found(tracks) == 2
    assert found(tracks, settings=ClusterSettings().for_typical(1)) == 1


def test_people_are_matched_for_the_most_time_in_all() -> None:
    assert match_people(np.array([[5.0, 4.0], [4.0, 0.0]])) == {0: 1, 1: 0}
    assert match_people(np.zeros((1, 2))) == {}


def test_a_name_needs_to_be_clearly_the_likeliest() -> None:
    voice = np.array([1.0, 0.0])
    assert match_names({0: voice}, {"Ada": voice, "Bob": -voice}, 0.5, 12.0)[0][0] == "Ada"
    assert match_names({0: voice}, {"Ada": voice, "Twin": voice}, 0.5, 12.0) == {}
    assert match_names({0: -voice}, {"Ada": voice}, 0.5, 12.0) == {}


def stretch(speaker: str, start_ms: int, end_ms: int) -> LabelledSpan:
    return LabelledSpan(speaker, start_ms, end_ms, 0.9)


def test_a_growing_turn_keeps_its_id() -> None:
    book = TurnBook(0)
    assert book.update([stretch("S1", 0, 1000)], 0, 1) == [Turn("T1", 1, "S1", 0, 0, 1000, 0.9, True)]
    assert book.update([stretch("S1", 0, 2000)], 0, 2) == [Turn("T1", 2, "S1", 0, 0, 2000, 0.9, True)]
    assert book.update([stretch("S1", 0, 2000)], 0, 2) == []
    assert book.update([stretch("S1", 0, 2000)], 2000, 2) == [Turn("T1", 3, "S1", 0, 0, 2000, 0.9, False)]


def test_a_relabelled_turn_keeps_its_id_and_a_swallowed_one_is_withdrawn() -> None:
    book = TurnBook(0)
    book.update([stretch("S1", 0, 1000), stretch("S2", 1000, 2000)], 0, 1)
    changes = book.update([stretch("S2", 0, 2000)], 0, 3)
    assert changes == [Turn("T2", 2, "S2", 0, 0, 2000, 0.9, True), TurnWithdrawn("T1", 2)]
    assert book.update([stretch("S1", 0, 2000)], 0, 3) == [Turn("T2", 3, "S1", 0, 0, 2000, 0.9, True)]


def test_a_forgotten_turn_is_settled_last() -> None:
    book = TurnBook(0)
    book.update([stretch("S1", 0, 1000), stretch("S2", 1000, 3000)], 0, 1)
    assert book.forget(2000) == [Turn("T1", 2, "S1", 0, 0, 1000, 0.9, False)]
    assert list(book.turns) == [2]
