"""The people of a call: their ids, who went into whom, and whose enrolled voice they have."""

from collections.abc import Mapping

import numpy as np
import pytest

from speakerline.services.clustering.roster import Roster, match_names, match_people, speaker_id
from speakerline.shared.arrays import AnyArray
from speakerline.shared.contract.v1 import SpeakerMerged, SpeakerNamed
from tests.clustering.made_calls import told


def test_ids_are_given_in_the_order_of_appearance_over_all_channels() -> None:
    roster = Roster()
    made = [roster.create(channel) for channel in (1, 0, 1)]
    assert [(number, change.speaker_id, change.channel) for number, change in made] == [
        (0, "S1", 1),
        (1, "S2", 0),
        (2, "S3", 1),
    ]
    assert [speaker_id(number) for number in (-1, 0, 9)] == ["", "S1", "S10"]


def test_who_was_merged_is_its_heir_from_then_on() -> None:
    roster = Roster()
    assert told([*roster.merge(1, 0), *roster.merge(2, 1)]) == ["S2 merged into S1", "S3 merged into S2"]
    assert [roster.heir(speaker) for speaker in range(4)] == [0, 0, 0, 3]


def test_a_name_is_told_once_and_a_merged_speaker_loses_it() -> None:
    roster = Roster()
    (first,) = roster.rename({1: ("Ada", 0.9149)})
    assert (first.speaker_id, first.name, first.confidence) == ("S2", "Ada", 0.91)
    assert roster.rename({1: ("Ada", 0.99)}) == []
    assert roster.names == {1: "Ada"}
    roster.merge(1, 0)
    roster.merge(2, 0)
    assert roster.names == {}


def test_a_name_that_no_longer_holds_is_taken_back() -> None:
    roster = Roster()
    roster.rename({0: ("Bob", 0.9), 1: ("Ada", 0.9)})
    (gone,) = roster.rename({0: ("Bob", 0.9)})
    assert (gone.speaker_id, gone.name, gone.confidence) == ("S2", "", 0.0)
    assert roster.rename({0: ("Bob", 0.9)}) == []


def test_names_are_taken_back_before_they_are_given_to_others() -> None:
    roster = Roster()
    roster.rename({0: ("Ada", 0.9), 2: ("Bob", 0.9)})
    changes = roster.rename({0: ("Bob", 0.9), 1: ("Ada", 0.9)})
    assert told(changes) == ["S1 is ", "S3 is ", "S1 is Bob", "S2 is Ada"]
    assert roster.names == {0: "Bob", 1: "Ada"}


def test_names_are_told_in_the_order_of_the_speakers() -> None:
    roster = Roster()
    assert told(roster.rename({2: ("Cleo", 0.9), 0: ("Ada", 0.9)})) == ["S1 is Ada", "S3 is Cleo"]
    assert told(roster.rename({2: ("Ada", 0.9), 0: ("Bob", 0.9)})) == ["S1 is ", "S3 is ", "S1 is Bob", "S3 is Ada"]


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        ([[5.0, 4.0], [4.0, 0.0]], {0: 1, 1: 0}),
        ([[5.0, 4.0], [0.5, 0.0]], {0: 0}),
        ([[0.0, 0.2]], {0: 1}),
        ([[0.0, 0.0]], {}),
        ([], {}),
    ],
    ids=["the most time in all", "nothing in common", "a moment is enough", "nobody", "no people"],
)
def test_people_are_matched_for_the_most_time_in_all(shared: list[list[float]], expected: Mapping[int, int]) -> None:
    assert match_people(np.array(shared).reshape(len(shared), -1 if shared else 0)) == expected


def at(cosine: float, other: float = 0.0) -> AnyArray:
    """A voice that is so much like Ada's, and so much like Bob's."""
    return np.array([cosine, other, np.sqrt(1 - cosine**2 - other**2)])


ADA, BOB = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
EVEN = 0.5
"""The cosine of even odds; ten log odds per unit of cosine."""


def test_who_is_merged_gives_its_name_back_first() -> None:
    roster = Roster()
    for _ in range(2):
        roster.create(0)
    roster.rename({1: ("Ada", 0.9)})
    assert roster.merge(1, 0) == [SpeakerNamed("S2", "", 0.0), SpeakerMerged("S2", "S1")]
    assert told(roster.rename({0: ("Ada", 0.9)})) == ["S1 is Ada"]


def names(people: Mapping[int, AnyArray], given: Mapping[int, str] | None = None, **known: AnyArray) -> dict[int, str]:
    return {speaker: name for speaker, (name, _) in match_names(people, known, EVEN, 10.0, given).items()}


def test_how_sure_a_name_is_depends_on_its_own_voice_alone() -> None:
    odds = np.exp(10 * (0.7 - EVEN))
    for other in (0.0, 0.3, 0.6):
        ((name, sure),) = match_names({4: at(0.7, other)}, {"Ada": ADA, "Bob": BOB}, EVEN, 10.0).values()
        assert name == "Ada"
        assert sure == pytest.approx(odds / (1 + odds))


@pytest.mark.parametrize(
    ("cosine", "other", "named"),
    [(0.645, 0.0, True), (0.635, 0.0, False), (0.5, 0.0, False), (0.7, 0.66, False), (0.7, 0.64, True)],
    ids=["sure enough", "not quite", "even odds", "two alike", "clearly more alike than the other"],
)
def test_a_name_needs_to_be_sure_and_clearly_the_likeliest(cosine: float, other: float, named: bool) -> None:
    assert names({0: at(cosine, other)}, Ada=ADA, Bob=BOB) == ({0: "Ada"} if named else {})


def test_how_alike_is_enough_is_the_embedder_s_to_say() -> None:
    ((name, sure),) = match_names({0: at(-0.2)}, {"Ada": ADA}, -0.5, 10.0).values()
    assert name == "Ada"
    assert sure == pytest.approx(np.exp(3) / (1 + np.exp(3)))


@pytest.mark.parametrize(
    ("cosine", "other", "named"),
    [
        (0.37, 0.0, {0: "Ada"}),
        (0.35, 0.0, {}),
        (0.6, 0.59, {0: "Ada"}),
        (0.6, 0.6, {0: "Ada"}),
        (0.6, 0.61, {}),
        (0.6, 0.66, {0: "Bob"}),
    ],
    ids=["less sure", "hardly sure", "two alike", "two equally alike", "the other a little more", "clearly the other"],
)
def test_a_name_that_was_given_stays_on_weaker_evidence(cosine: float, other: float, named: dict[int, str]) -> None:
    assert names({0: at(cosine, other)}, {0: "Ada"}, Ada=ADA, Bob=BOB) == named


def test_of_two_speakers_alike_to_one_voice_only_the_likelier_is_named() -> None:
    assert names({3: at(0.75), 1: at(0.8)}, Ada=ADA) == {1: "Ada"}
    assert names({5: at(0.9), 2: at(0.0, 0.9)}, Bob=BOB, Ada=ADA) == {2: "Bob", 5: "Ada"}


def test_who_has_a_name_keeps_it_until_another_is_clearly_likelier() -> None:
    assert names({3: at(0.75), 1: at(0.79)}, {3: "Ada"}, Ada=ADA) == {3: "Ada"}
    assert names({3: at(0.75), 1: at(0.81)}, {3: "Ada"}, Ada=ADA) == {1: "Ada"}


def test_of_two_speakers_equally_alike_to_one_voice_the_first_is_named() -> None:
    assert list(names({3: at(0.8), 1: at(0.8)}, Ada=ADA)) == [1]


def test_without_people_or_enrolled_voices_there_are_no_names() -> None:
    assert names({}, Ada=ADA) == names({0: ADA}) == {}


def test_odds_stay_finite() -> None:
    assert match_names({0: ADA}, {"Ada": ADA}, 0.5, 1e6)[0][1] == pytest.approx(1.0)
    assert match_names({0: -ADA}, {"Ada": ADA}, 0.5, 1e6) == {}
