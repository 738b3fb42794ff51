"""What follows from corrections for the clustering of a channel."""

import pytest

from speakerline.services.clustering.hand import Hand
from speakerline.services.clustering.told import Told
from speakerline.shared.contract.v1 import Correction, MergeSpeakers, ReassignTurn


def told(*given: Correction, created: dict[str, int], people: list[int]) -> Told:
    hand = Hand(given=list(given), created=created)
    hand.derive()
    return hand.told(0, Told.nothing(1).pinned, people)


def to_somebody_new(name: str, channel: int = 0) -> Correction:
    return Correction(name, reassign_turn=ReassignTurn("T1", "", "S1", 1, channel, 0, 1000))


@pytest.mark.parametrize(
    ("created", "people", "count"),
    [
        ({"k": 1}, [0], 2),
        ({"k": 1}, [0, 1], 2),
        ({"k": 2}, [0, 1], 3),
        ({"k": 2}, [0], 2),
        ({"k": 1}, [0, 1, 2], 2),
        ({"k": 1, "l": 3}, [0, 1, 2], 4),
    ],
    ids=[
        "one was there",
        "also once the new one has been found",
        "two were there",
        "one of them is not there any more",
        "who was found later is no evidence",
        "two are new, and the second is none of those who were found before",
    ],
)
def test_somebody_new_is_one_more_than_who_was_there(created: dict[str, int], people: list[int], count: int) -> None:
    assert told(*map(to_somebody_new, created), created=created, people=people).at_least == count


def test_nothing_is_said_of_the_number_of_people_without_somebody_new_on_the_channel() -> None:
    assert told(created={}, people=[0, 1]).at_least == 0
    assert told(to_somebody_new("k", channel=1), created={"k": 2}, people=[0, 1]).at_least == 0


def test_who_was_merged_is_not_another_one() -> None:
    merged = Correction("m", merge_speakers=MergeSpeakers("S2", "S1"))
    assert told(to_somebody_new("k"), merged, created={"k": 2}, people=[0, 1, 2]).at_least == 2
