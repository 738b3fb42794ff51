"""The first clusters of tracklets: what is kept apart before anything is weighed, and what counts as one."""

from dataclasses import replace

import numpy as np
import pytest

from speakerline.services.clustering.partition import Limits, Tracks, partition, seeds
from speakerline.services.clustering.settings import ClusterSettings
from tests.clustering.made_tracklets import COSINE_ONLY, CUT, beside, divided, exactly, people, weighing


def first_clusters(tracks: Tracks, at_least: int = 1, floor_s: float = 0.8) -> list[int]:
    return [int(label) for label in seeds(tracks, CUT, floor_s, at_least)]


@pytest.mark.parametrize(
    ("angle", "at_least", "expected"),
    [(64, 1, [0, 0]), (68, 1, [0, 1]), (62, 2, [0, 1]), (58, 2, [0, 1]), (50, 2, [0, 0]), (62, 0, [0, 0])],
    ids=[
        "a little alike",
        "hardly alike",
        "a little alike where two are known to be there",
        "more alike where two are known to be there",
        "too alike even then",
        "no number is known",
    ],
)
def test_first_clusters_keep_people_apart(angle: float, at_least: int, expected: list[int]) -> None:
    assert first_clusters(exactly((0, 5.0), (angle, 5.0)), at_least) == expected


@pytest.mark.parametrize(
    ("cut", "expected"), [(0.6, [0, 1]), (0.8, [0, 0])], ids=["an embedder that tells apart well", "one that does not"]
)
def test_where_first_clusters_are_cut_depends_on_the_embedder(cut: float, expected: list[int]) -> None:
    hardly_alike = exactly((0, 5.0), (68, 5.0))
    assert seeds(hardly_alike, cut, 0.8).tolist() == expected
    at_cut = replace(COSINE_ONLY, merge=np.array([-9.0, 0.0, 0.0, 0.0, 0.0]), cut=cut)
    assert partition(hardly_alike, at_cut, ClusterSettings(), Limits()).labels.tolist() == expected


def test_looser_cuts_are_not_tried_once_there_are_enough() -> None:
    voices = [(0, 20.0), (62, 20.0), (200, 30.0)]
    assert first_clusters(exactly(*voices), 2) == [0, 0, 1]
    assert first_clusters(exactly(*voices), 3) == [0, 1, 2]
    assert first_clusters(exactly((0, 20.0), (62, 20.0), (200, 20.0), (255, 20.0)), 3) == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1.9, [0, 1, 2]), (2.4, [0, 0, 1])], ids=["less than a twentieth", "more"]
)
def test_a_cluster_counts_from_a_twentieth_of_the_speech_on(seconds: float, expected: list[int]) -> None:
    assert first_clusters(exactly((0, 20.0), (62, 20.0), (200, seconds)), 2) == expected


def test_first_clusters_have_some_speech_and_shreds_are_in_none() -> None:
    said = exactly((0, 5.0), (120, 0.8), (240, 0.7), (240, 0.29))
    assert first_clusters(said) == [0, 1, -1, -1]
    assert first_clusters(said, floor_s=0.1) == [0, 1, 2, -1]
    assert first_clusters(exactly((0, 0.3), (0, 0.3))) == [0, 0]
    assert first_clusters(exactly((0, 0.4), (120, 0.5), (240, 0.3))) == [-1, 0, -1]
    assert first_clusters(exactly((0, 0.29), (0, 0.29))) == [-1, -1]


@pytest.mark.parametrize(
    ("windows", "shared", "expected"),
    [((4, 4), 4, [0, 1]), ((4, 4), 2, [0, 0]), ((4, 2), 2, [0, 1]), ((2, 4), 2, [0, 1])],
    ids=["always side by side", "half of the time", "always for the one heard less", "whichever that is"],
)
def test_what_was_heard_side_by_side_is_never_one_cluster(
    windows: tuple[int, int], shared: float, expected: list[int]
) -> None:
    tracks = replace(exactly((0, 5.0), (0, 5.0)), windows=np.array(windows, float))
    assert first_clusters(beside(tracks, 0, 1, shared)) == expected


@pytest.mark.parametrize(
    ("seconds", "limits", "count"),
    [
        (19.5, Limits(expected=2), 1),
        (20.5, Limits(expected=2), 2),
        (20.5, Limits(expected=1), 1),
        (20.5, Limits(maximum=2), 1),
        (20.5, Limits(), 1),
    ],
    ids=["little speech", "enough speech", "one is expected", "at most two", "nothing is known"],
)
def test_two_who_are_a_little_alike_are_told_apart_where_two_are_known_to_be_there(
    seconds: float, limits: Limits, count: int
) -> None:
    said = exactly((0, seconds), (62, seconds))
    assert len(people(divided(said, limits=limits))) == count


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.85, [[0], [1, 2]]), (0.75, [[0, 1, 2]])], ids=["clusters", "shreds"]
)
def test_two_light_clusters_may_be_one_person_together(seconds: float, expected: list[list[int]]) -> None:
    said = exactly((0, 10.0), (120, seconds), (200, seconds))
    assert people(partition(said, weighing(1.0, 10.0), ClusterSettings(), Limits())) == expected
