"""How tracklets are divided among people: who is one person, how many there are, whose a tracklet is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from speakerline.services.clustering.partition import Limits, Tracks, pair_evidence, partition
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.told import Told
from tests.clustering.made_tracklets import COSINE_ONLY, THREE, TWO, beside, divided, exactly, people, voices, weighing


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
    tracks, unlikely = voices((0, 20), (68, 20), (180, 20)), ClusterSettings(crowd_logit=0.5)
    assert found(tracks, settings=unlikely) == 2
    assert found(tracks, expected=people, settings=unlikely) == people


def test_where_one_voice_is_usual_a_second_needs_more() -> None:
    tracks = voices((0, 20), (72, 20))
    assert found(tracks) == 2
    assert found(tracks, settings=ClusterSettings().for_typical(1)) == 1


@pytest.mark.parametrize(("logit", "count"), [(-0.2, 2), (0.2, 1)], ids=["evidence for two", "evidence for one"])
def test_the_evidence_decides_where_nothing_is_usual(logit: float, count: int) -> None:
    assert len(people(divided(TWO, logit, typical_speakers=None))) == count


@pytest.mark.parametrize(
    ("shown", "logit", "count"),
    [
        ([0, 0, 0, 1, 1, 1], 0.4, 2),
        ([0, 0, 0, 1, 1, 1], 0.6, 1),
        ([0, 0, 0, 0, 0, 0], -0.4, 1),
        ([0, 0, 0, 0, 0, 0], -0.6, 2),
        ([0, 0, 0, -1, -1, -1], 0.2, 1),
        ([0, 0, 0, -1, -1, -1], -0.2, 2),
        ([-1, -1, 0, 0, -1, 1], -0.2, 1),
        ([0, 0, 1, 1, 1, 0], 0.2, 2),
    ],
    ids=[
        "two that were shown stay two on weak evidence for one",
        "strong evidence for one joins them",
        "one that was shown stays one on weak evidence for two",
        "strong evidence for two parts it",
        "one that was not shown has no bonus",
        "and none against it",
        "a cluster was shown as what any of it was shown as",
        "a cluster was shown as what most of it was shown as",
    ],
)
def test_what_was_shown_stays_unless_the_evidence_is_strong(shown: list[int], logit: float, count: int) -> None:
    assert len(people(divided(TWO, logit, shown, typical_speakers=None))) == count


def test_only_those_shown_as_one_have_the_bonus() -> None:
    four = voices((0, 3), (90, 3), (180, 3), (270, 3))
    shown = [0] * 6 + [1] * 3 + [2] * 3
    assert people(divided(four, -0.2, shown, typical_speakers=None)) == [[*range(6)], [6, 7, 8], [9, 10, 11]]


def test_a_pair_of_clusters_is_judged_by_the_one_that_said_less_and_the_one_heard_less() -> None:
    tracks = replace(exactly((0, 3.0), (0, 2.0), (60, 4.0)), windows=np.array([1.0, 1.0, 7.0]))
    found = pair_evidence(beside(tracks, 1, 2, 0.75), np.array([0, 0, 1]))
    for values, expected in ((found.cosine, 0.5), (found.lighter_s, 4.0), (found.beside, 0.75), (found.windows, 2.0)):
        assert [values[0, 1], values[1, 0]] == pytest.approx([expected, expected])


def test_links_across_two_clusters_are_counted_with_all_links_of_the_one_with_fewer() -> None:
    followed = np.zeros((5, 5))
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 4)):
        followed[one, other] = followed[other, one] = 1
    tracks = replace(exactly((0, 1.0), (0, 1.0), (0, 1.0), (60, 1.0), (60, 1.0)), followed=followed)
    found = pair_evidence(tracks, np.array([0, 0, 0, 1, 1]))
    assert [found.across[0, 1], found.across[1, 0]] == [1, 1]
    assert [found.links[0, 1], found.links[1, 0]] == [2, 2]
    assert pair_evidence(tracks, np.array([0, 1, 0, 1, 1])).across[0, 1] == 3
    assert pair_evidence(tracks, np.array([0, 0, -1, 1, 1])).across[0, 1] == 0


def test_of_two_side_by_side_whom_nobody_has_yet_the_one_who_said_more_chooses_first() -> None:
    said = exactly((0, 5.0), (0, 5.0), (150, 5.0), (150, 5.0), (72, 0.75), (72, 0.7))
    assert people(divided(beside(said, 4, 5, 4.0))) == [[0, 1, 4], [2, 3, 5]]
    said = exactly((0, 5.0), (0, 5.0), (150, 5.0), (150, 5.0), (72, 0.7), (72, 0.75))
    assert people(divided(beside(said, 4, 5, 4.0))) == [[0, 1, 5], [2, 3, 4]]


def test_most_of_a_cluster_is_most_of_its_speech() -> None:
    tracks = replace(TWO, mass_s=np.array([3.0, 1.0, 1.0, 1.0, 1.0, 1.0]))
    assert len(people(divided(tracks, -0.4, [0, 1, 1, 0, 0, 0], typical_speakers=None))) == 1


def test_the_final_pass_joins_who_was_shown_apart_but_parts_who_was_shown_as_one_on_strong_evidence_only() -> None:
    assert len(people(divided(TWO, 0.2, [0, 0, 0, 1, 1, 1], typical_speakers=None, final=True))) == 1
    assert len(people(divided(TWO, -0.2, [0, 0, 0, 1, 1, 1], typical_speakers=None, final=True))) == 2
    assert len(people(divided(TWO, -0.4, [0, 0, 0, 0, 0, 0], typical_speakers=None, final=True))) == 1
    assert len(people(divided(TWO, -0.6, [0, 0, 0, 0, 0, 0], typical_speakers=None, final=True))) == 2


@pytest.mark.parametrize(
    ("tracks", "logit", "settings", "count"),
    [
        (TWO, 1.4, {}, 2),
        (TWO, 1.6, {}, 1),
        (THREE, 0.1, {}, 2),
        (THREE, -0.1, {}, 3),
        (THREE, -0.4, {"crowd_logit": 0.5}, 2),
        (THREE, -0.6, {"crowd_logit": 0.5}, 3),
    ],
    ids=[
        "fewer than usual need more evidence",
        "and come with it",
        "more than usual need no more",
        "and come with any",
        "where a crowd is unlikely they need more",
        "and come with it, too",
    ],
)
def test_the_usual_number_of_people_is_likelier(
    tracks: Tracks, logit: float, settings: dict[str, Any], count: int
) -> None:
    assert len(people(divided(tracks, logit, **settings))) == count


@pytest.mark.parametrize(
    ("seconds", "logit", "count"),
    [(40.0, 1.4, 2), (40.0, 1.6, 1), (120.0, 0.4, 2), (120.0, 0.6, 1)],
    ids=["forty seconds", "with evidence for one", "thrice as long a third is enough", "with that evidence for one"],
)
def test_the_longer_fewer_than_usual_are_told_apart_the_less_evidence_they_need(
    seconds: float, logit: float, count: int
) -> None:
    tracks = replace(TWO, mass_s=np.full(len(TWO.mass_s), seconds / len(TWO.mass_s)))
    assert len(people(divided(tracks, logit))) == count


def test_more_people_than_usual_need_as_much_evidence_in_a_long_call() -> None:
    tracks = replace(THREE, mass_s=np.full(len(THREE.mass_s), 40.0))
    assert len(people(divided(tracks, -0.4, crowd_logit=0.5))) == 2
    assert len(people(divided(tracks, -0.6, crowd_logit=0.5))) == 3


@pytest.mark.parametrize(
    ("limits", "logit", "count"),
    [
        (Limits(expected=2), -99.0, 2),
        (Limits(expected=1), -99.0, 1),
        (Limits(expected=3), 2.9, 3),
        (Limits(expected=3), 3.1, 1),
        (Limits(maximum=2), -99.0, 2),
        (Limits(maximum=3), -99.0, 3),
        (Limits(maximum=3), 2.1, 1),
        (Limits(expected=3, maximum=2), -99.0, 2),
    ],
    ids=[
        "two are expected",
        "one is expected",
        "three are expected, and fewer need much more evidence",
        "all evidence is for one, though three are expected",
        "at most two",
        "at most three",
        "fewer than the maximum",
        "the maximum is stronger than what is expected",
    ],
)
def test_what_is_known_of_the_number_of_people_holds(limits: Limits, logit: float, count: int) -> None:
    assert len(people(divided(THREE, logit, limits=limits))) == count


def test_the_most_alike_are_joined_first() -> None:
    found = partition(voices((0, 3), (150, 3), (250, 3)), weighing(-9.0, 10.0), ClusterSettings(), Limits(expected=2))
    assert people(found) == [[0, 1, 2], [3, 4, 5, 6, 7, 8]]


def test_people_are_numbered_by_first_appearance_and_known_by_speech_and_voice() -> None:
    tracks = voices((0, 1), (120, 1), (0, 1), (240, 1), (120, 1), (240, 1))
    tracks = replace(tracks, mass_s=np.array([1.0, 2.0, 3.0, 1.5, 2.5, 4.0]))
    found = divided(tracks)
    assert found.labels.tolist() == [0, 1, 0, 2, 1, 2]
    assert found.mass_s.tolist() == [4.0, 4.5, 5.5]
    angles = np.rad2deg(np.arctan2(found.means[:, 1], found.means[:, 0])) % 360
    assert np.abs((angles - [0, 120, 240] + 180) % 360 - 180).max() < 8
    assert np.linalg.norm(found.means, axis=1) == pytest.approx(1.0)
    assert found.scores == pytest.approx(tracks.vectors @ found.means.T, abs=0.1)


def test_a_voice_counts_by_its_seconds() -> None:
    tracks = voices((0, 1), (40, 1))
    (mean,) = divided(replace(tracks, mass_s=np.array([9.0, 1.0])), 99.0).means
    assert mean @ tracks.vectors[0] > 0.99


@pytest.mark.parametrize(
    ("mass_s", "expected"),
    [(1.0, [[0, 1, 2], [3]]), (0.9, [[0, 1, 2, 3]])],
    ids=["enough to be a person", "too little to be one: it is whose it is most alike"],
)
def test_a_person_has_some_seconds_of_speech(mass_s: float, expected: list[list[int]]) -> None:
    tracks = voices((0, 3), (120, 1))
    assert people(divided(replace(tracks, mass_s=np.array([1.0, 1.0, 1.0, mass_s])))) == expected


def test_the_only_voice_is_a_person_however_little_it_said() -> None:
    assert people(divided(replace(voices((0, 1)), mass_s=np.array([0.4])))) == [[0]]
    assert people(divided(replace(voices((0, 1), (120, 1)), mass_s=np.array([0.4, 0.5])))) == [[0, 1]]


def test_of_hardly_any_speech_nothing_is_said() -> None:
    found = divided(replace(voices((0, 2)), mass_s=np.array([0.2, 0.1])))
    assert (found.labels.tolist(), found.means.shape, found.mass_s.tolist()) == ([-1, -1], (0, 2), [])
    assert divided(voices()).labels.tolist() == []


def test_a_tracklet_without_a_voiceprint_makes_no_person() -> None:
    tracks = voices((0, 2), (120, 2))
    vectors = np.concatenate([tracks.vectors[:2], np.zeros((2, 2))])
    found = divided(replace(tracks, vectors=vectors))
    assert found.mass_s.size == 1


def pair(mass_s: tuple[float, float], shared: float, windows: float = 4.0) -> list[list[int]]:
    """Whose two tracklets near the first of two people are that were heard beside each other."""
    said = [(0, 5.0)] * 3 + [(90, 5.0)] * 3 + [(20, mass_s[0]), (30, mass_s[1])]
    tracks = exactly(*said, windows=windows)
    return people(divided(beside(tracks, 6, 7, shared)))


@pytest.mark.parametrize(
    ("mass_s", "shared", "expected"),
    [
        ((1.0, 0.9), 4.0, [[0, 1, 2, 6], [3, 4, 5, 7]]),
        ((1.0, 0.9), 2.0, [[0, 1, 2, 6, 7], [3, 4, 5]]),
        ((1.0, 0.9), 0.0, [[0, 1, 2, 6, 7], [3, 4, 5]]),
    ],
)
def test_two_that_were_heard_beside_each_other_are_hardly_one_person(
    mass_s: tuple[float, float], shared: float, expected: list[list[int]]
) -> None:
    assert pair(mass_s, shared) == expected


def test_who_is_heard_beside_several_pieces_of_one_person_is_no_less_that_person() -> None:
    said = exactly(*[(0, 5.0)] * 3, *[(90, 5.0)] * 3, (10, 0.9))
    assert people(divided(beside(beside(said, 0, 6, 4.0), 1, 6, 4.0))) == [[0, 1, 2, 6], [3, 4, 5]]


@pytest.mark.parametrize("speaker", [0, 7])
@pytest.mark.parametrize(
    ("pinned", "expected"),
    [((0, 5), [[0, 5], [1, 2], [3, 4]]), ((2, 5), [[0, 1], [2, 5], [3, 4]])],
    ids=["the first person", "another"],
)
def test_what_is_said_to_be_of_one_person_stays_so_whatever_it_sounds_like(
    pinned: tuple[int, int], expected: list[list[int]], speaker: int
) -> None:
    told = Told.nothing(6)
    told.pinned[[*pinned]] = speaker
    tracks = exactly(*[(0, 5.0)] * 3, *[(90, 5.0)] * 3)
    assert people(partition(tracks, weighing(-9.0, 0.0), ClusterSettings(), Limits(), told=told)) == expected


def test_two_who_were_told_apart_are_two_whatever_speaks_for_one() -> None:
    tracks, told = replace(TWO, shown=np.array([0, 0, 0, 1, 1, 1])), Told.nothing(6)
    for apart, count in ((frozenset({(0, 1)}), 2), (frozenset(), 1)):
        found = partition(tracks, weighing(99.0, 0.0), ClusterSettings(), Limits(), told=replace(told, apart=apart))
        assert len(people(found)) == count


def test_two_who_were_told_apart_are_parted_as_they_were_shown_however_alike_they_are() -> None:
    tracks = replace(exactly((0, 2.0), (4, 2.0), (12, 1.5), (16, 1.5)), shown=np.array([0, 0, 1, 1]))
    for apart, expected in ((frozenset({(0, 1)}), [[0, 1], [2, 3]]), (frozenset(), [[0, 1, 2, 3]])):
        told = Told(np.full(4, -1), apart=apart)
        assert people(partition(tracks, weighing(99.0, 0.0), ClusterSettings(), Limits(), told=told)) == expected


@pytest.mark.parametrize(
    ("at_least", "logit", "limits", "count"),
    [
        (2, -0.4, Limits(), 2),
        (3, -0.4, Limits(), 3),
        (3, 1.4, Limits(), 3),
        (3, 1.6, Limits(), 1),
        (2, -99.0, Limits(expected=2), 2),
        (3, -99.0, Limits(expected=2), 3),
        (2, -99.0, Limits(maximum=2), 2),
        (3, -99.0, Limits(maximum=2), 3),
    ],
    ids=[
        "as many as usual, and a third needs as much evidence as ever",
        "one more than usual, and that is usual then",
        "fewer than these need more evidence",
        "and come with it",
        "as many as are expected",
        "one more than was expected",
        "as many as there may be",
        "one more than the maximum",
    ],
)
def test_who_is_said_to_be_new_is_one_more_than_those_there_were_and_not_than_those_expected(
    at_least: int, logit: float, limits: Limits, count: int
) -> None:
    told = replace(Told.nothing(len(THREE.mass_s)), at_least=at_least)
    found = partition(THREE, weighing(logit, 0.0), ClusterSettings(crowd_logit=0.5), limits, told=told)
    assert len(people(found)) == count


@pytest.mark.parametrize(
    ("whole_s", "seconds", "count"),
    [(10.0, 0.75, 1), (10.0, 0.85, 2), (40.0, 1.1, 1), (40.0, 1.3, 2), (90.0, 1.4, 1), (90.0, 1.6, 2)],
)
def test_in_the_end_a_person_has_three_hundredths_of_the_speech_within_bounds(
    whole_s: float, seconds: float, count: int
) -> None:
    assert len(people(divided(exactly((0, whole_s - seconds), (120, seconds)), final=True))) == count
