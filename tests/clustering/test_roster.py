"""The people of a call: their ids, who went into whom, and whose enrolled voice they have."""

from collections.abc import Mapping

import numpy as np
import pytest

from speakerline.services.clustering.roster import Roster, match_names, match_people, speaker_id
from speakerline.shared.arrays import AnyArray
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
    assert told([roster.merge(1, 0), roster.merge(2, 1)]) == ["S2 merged into S1", "S3 merged into S2"]
    assert [roster.heir(speaker) for speaker in range(4)] == [0, 0, 0, 3]


def test_a_name_is_told_once_and_a_merged_speaker_loses_it() -> None:
    roster = Roster()
    (first,) = roster.name(1, "Ada", 0.9149)
    assert (first.speaker_id, first.name, first.confidence) == ("S2", "Ada", 0.91)
    assert roster.name(1, "Ada", 0.99) == []
    assert told(roster.name(1, "Bob", 0.9)) == ["S2 is Bob"]
    roster.merge(1, 0)
    roster.merge(2, 0)
    assert roster.names == {}


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


def names(people: Mapping[int, AnyArray], **known: AnyArray) -> dict[int, tuple[str, float]]:
    found = match_names(people, known, EVEN, 10.0)
    return {speaker: (name, round(confidence, 3)) for speaker, (name, confidence) in found.items()}


def test_an_enrolled_voice_is_named_with_the_odds_against_nobody_and_everybody_else() -> None:
    odds, rival = np.exp(10 * (0.7 - EVEN)), np.exp(10 * (0.3 - EVEN))
    assert names({4: at(0.7)}, Ada=ADA) == {4: ("Ada", round(odds / (1 + odds), 3))}
    assert names({4: at(0.7, 0.3)}, Ada=ADA, Bob=BOB) == {4: ("Ada", round(odds / (1 + odds + rival), 3))}


@pytest.mark.parametrize(
    ("cosine", "other", "named"),
    [(0.645, 0.0, True), (0.635, 0.0, False), (0.5, 0.0, False), (0.7, 0.69, False), (0.75, 0.61, False)],
    ids=["sure enough", "not quite", "even odds", "two alike", "the other is likely, too"],
)
def test_a_name_needs_to_be_clearly_the_likeliest(cosine: float, other: float, named: bool) -> None:
    assert bool(names({0: at(cosine, other)}, Ada=ADA, Bob=BOB)) == named


def test_of_two_speakers_alike_to_one_voice_only_the_likelier_is_named() -> None:
    assert list(names({3: at(0.75), 1: at(0.8)}, Ada=ADA)) == [1]
    found = names({5: at(0.9), 2: at(0.0, 0.9)}, Bob=BOB, Ada=ADA)
    assert {speaker: name for speaker, (name, _) in found.items()} == {2: "Bob", 5: "Ada"}


def test_of_two_speakers_equally_alike_to_one_voice_the_first_is_named() -> None:
    assert list(names({3: at(0.8), 1: at(0.8)}, Ada=ADA)) == [1]


def test_without_people_or_enrolled_voices_there_are_no_names() -> None:
    assert names({}, Ada=ADA) == names({0: ADA}) == {}


def test_odds_stay_finite() -> None:
    assert match_names({0: ADA}, {"Ada": ADA}, 0.5, 1e6)[0][1] == pytest.approx(1.0)
    assert match_names({0: -ADA}, {"Ada": ADA}, 0.5, 1e6) == {}
