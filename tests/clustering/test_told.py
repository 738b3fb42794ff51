"""What operators told of who is who: whose cluster is whose, and what may not lie in one."""

import numpy as np

from speakerline.services.clustering.told import CERTAIN_S, Told
from speakerline.shared.arrays import Float64s


def masses(count: int) -> Float64s:
    return np.ones(count)


def test_nothing_told_parts_nothing() -> None:
    labels = np.array([0, 1, 1])
    told = Told.nothing(3)
    assert told.seeds(labels, masses(3), np.array([3, 4, 4])).tolist() == [0, 1, 1]
    assert told.clusters(labels, masses(3), np.array([3, 4, 4])) == {3: 0, 4: 1}
    assert told.must_join(labels, masses(3), np.array([3, 4, 4])) == []
    assert not told.forbidden(labels, masses(3), np.array([3, 4, 4])).any()
    assert told.stays(labels, masses(3), np.array([3, 4, 4])).tolist() == [False, False]


def test_whatever_was_said_binds() -> None:
    nobody = np.full(2, -1)
    told = [
        Told(np.array([-1, 0])),
        Told(nobody, persons={1: 0}),
        Told(nobody, apart=frozenset({(0, 1)})),
        Told(nobody, kept=frozenset({0})),
    ]
    assert [one.binds for one in told] == [True] * 4 and not Told.nothing(2).binds


def test_what_was_said_of_two_people_has_a_cluster_each_also_of_the_first_one() -> None:
    told = Told(np.array([0, 2, -1, -1]))
    assert told.seeds(np.array([0, 0, 0, 1]), masses(4), np.full(4, -1)).tolist() == [2, 3, 0, 1]


def test_a_cluster_is_that_of_whom_it_is_said_to_be_and_of_nobody_else() -> None:
    labels, shown = np.array([0, 1, 1]), np.array([3, 4, 4])
    assert Told(np.array([-1, -1, 6])).clusters(labels, masses(3), shown) == {3: 0, 6: 1}
    assert Told(np.array([0, -1, -1])).clusters(labels, masses(3), shown) == {0: 0, 4: 1}


def test_what_is_in_no_cluster_gives_nobody_one() -> None:
    assert Told(np.array([7, -1])).clusters(np.array([-1, 0]), masses(2), np.array([-1, 2])) == {2: 0}


def test_of_two_clusters_of_a_speaker_the_heavier_is_its_own() -> None:
    labels, shown = np.array([0, 1, 2]), np.array([4, 4, 0])
    assert Told.nothing(3).clusters(labels, np.array([1.0, 2.0, 1.0]), shown) == {4: 1, 0: 2}


def test_two_of_whom_something_was_said_are_two_people() -> None:
    told, nobody = Told(np.array([0, 1])), np.full(2, -1)
    assert told.forbidden(np.array([0, 1]), masses(2), nobody).tolist() == [[False, True], [True, False]]


def test_people_who_are_apart_are_kept_so_by_the_cluster_of_the_earliest_of_those_who_are_one() -> None:
    told = Told(np.full(3, -1), persons={4: 3, 5: 3}, apart=frozenset({(3, 9)}))
    found = told.forbidden(np.array([0, 1, 2]), masses(3), np.array([4, 5, 9]))
    assert np.argwhere(found).tolist() == [[0, 2], [2, 0]]


def test_who_was_named_or_pinned_stays() -> None:
    labels, shown = np.array([0, 1, 2]), np.array([3, 4, -1])
    assert Told(np.array([-1, -1, 0]), kept=frozenset({3})).stays(labels, masses(3), shown).tolist() == [
        True,
        False,
        True,
    ]


def test_where_nothing_is_in_a_cluster_nothing_stays() -> None:
    assert Told.nothing(1).stays(np.array([-1]), masses(1), np.array([-1])).tolist() == []


def test_who_are_one_person_are_still_two_voices_by_whom_each_stretch_is_most_alike_to() -> None:
    """However much each of them has said; one who has said nothing alone is like nobody."""
    told = Told(np.full(5, -1), persons={5: 3, 7: 3})
    before = np.array([3, 5, 7, 8, 8])
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.8, 0.6], [-1.0, -0.1]])
    voices = told.voices(np.full(5, 3), before, vectors, np.array([2.0, 10.0, 0.0, 1.0, 1.0]))
    assert voices.tolist() == [3, 5, 7, 3, 5]


def test_what_is_pinned_is_bound_for_certain_and_what_was_shared_stays_as_it_was() -> None:
    shared = np.ones((2, 3))
    bound = Told(np.array([2, -1])).bound(shared, np.array([1, 0]))
    assert np.argwhere(bound > CERTAIN_S).tolist() == [[1, 2]]
    assert (shared == 1).all()
