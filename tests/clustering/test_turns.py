"""Turns keep their ids while what the labels say changes; only differences are told."""

from collections.abc import Sequence

import pytest

from speakerline.services.clustering.turns import BLOCK, LabelledSpan, TurnBook
from tests.clustering.made_calls import told

Said = tuple[str, int, int] | tuple[str, int, int, float]


class Told:
    """A book of turns, with what it tells as texts. Turns that end by `settled_ms` are final."""

    def __init__(self) -> None:
        self.book = TurnBook(0)
        self.next_turn = 1

    def update(self, *said: Said, settled_ms: int = 0) -> list[str]:
        stretches = [LabelledSpan(who, start, end, *(sure or [0.9])) for who, start, end, *sure in said]
        changes = self.book.update(stretches, settled_ms, self.next_turn)
        self.next_turn = max([self.next_turn, *(number + 1 for number in self.book.turns)])
        return told(changes)

    def ids(self, *said: Said) -> list[str]:
        """The turn of each stretch, after all are told."""
        self.update(*said)
        turns = {(t.speaker_id, t.start_ms, t.end_ms): t.turn_id for t in self.book.turns.values()}
        return [turns[one[:3]] for one in said]


def test_a_growing_turn_keeps_its_id_and_is_told_only_when_it_changed() -> None:
    turns = Told()
    assert turns.update(("S1", 0, 1000)) == ["T1.1 S1 0-1000 0.90 provisional"]
    assert turns.update(("S1", 0, 2000)) == ["T1.2 S1 0-2000 0.90 provisional"]
    assert turns.update(("S1", 0, 2000)) == []
    assert turns.update(("S1", 0, 2000), settled_ms=1999) == []
    assert turns.update(("S1", 0, 2000), settled_ms=2000) == ["T1.3 S1 0-2000 0.90"]


@pytest.mark.parametrize(
    ("before", "now", "ids"),
    [
        ([("S1", 0, 10_000)], [("S1", 500, 2000), ("S1", 3000, 9000)], ["T2", "T1"]),
        ([("S1", 0, 10_000)], [("S1", 0, 2000), ("S1", 3000, 9000)], ["T1", "T2"]),
        ([("S1", 5000, 15_000)], [("S1", 5100, 7000), ("S1", 8000, 14_000)], ["T1", "T2"]),
        ([("S1", 5000, 15_000)], [("S1", 5101, 7000), ("S1", 8000, 14_000)], ["T2", "T1"]),
        ([("S1", 0, 10_000), ("S1", 11_000, 12_000)], [("S1", 500, 12_000)], ["T1"]),
        ([("S1", 0, 2000), ("S1", 3000, 9000)], [("S1", 500, 9000)], ["T2"]),
        ([("S1", 0, 3000), ("S2", 3000, 10_000)], [("S3", 1000, 10_000)], ["T2"]),
        ([("S1", 0, 3000), ("S2", 2000, 9000)], [("S1", 2000, 9000)], ["T1"]),
        ([("S1", 0, 3000), ("S2", 0, 3000)], [("S2", 100, 3000), ("S1", 200, 3000)], ["T2", "T1"]),
        ([("S1", 0, 4000)], [("S2", 2000, 6000)], ["T1"]),
        ([("S1", 0, 4000)], [("S2", 2001, 6000)], ["T2"]),
        ([("S1", 0, 1000)], [("S2", 500, 10_000)], ["T1"]),
        ([("S1", 0, 10_000)], [("S2", 4000, 6000)], ["T1"]),
        ([("S1", 8000, 8010)], [("S1", 8009, 20_000)], ["T1"]),
        ([("S1", 0, 1000)], [("S1", 1000, 2000)], ["T2"]),
        ([("S1", 5000, 9000)], [("S2", 5000, 5400), ("S2", 5500, 9000)], ["T2", "T1"]),
        ([("S1", 0, 2000), ("S1", 2500, 4000)], [("S2", 0, 4000), ("S2", 100, 3600)], ["T1", "T2"]),
    ],
    ids=[
        "the longer part of a turn that falls apart keeps the id",
        "but the part that begins where the turn began goes first",
        "also where it begins a little later now",
        "much later is another beginning",
        "and so is much earlier",
        "of two turns that grow together the one that shares most time stays",
        "a relabelled turn keeps the id of the turn that shares most time",
        "a turn of the same speaker goes before one of another who shares more",
        "two who speak at once keep a turn each",
        "half of the shorter is enough to be a turn of another",
        "less than half of it is too little",
        "a turn that grows and changes its speaker is covered by what it was",
        "what is left of a turn may be of another speaker",
        "a moment in common is enough for the same speaker",
        "what only touches is another turn",
        "a short piece does not take the id from a long one",
        "one turn goes to one stretch, and the other stretch has the next",
    ],
)
def test_which_stretch_keeps_which_turn(before: Sequence[Said], now: Sequence[Said], ids: list[str]) -> None:
    turns = Told()
    turns.update(*before)
    assert turns.ids(*now) == ids


def test_a_relabelled_turn_keeps_its_id_and_a_swallowed_one_is_withdrawn() -> None:
    turns = Told()
    turns.update(("S1", 0, 1000), ("S2", 1000, 2000))
    assert turns.update(("S2", 0, 2000)) == ["T2.2 S2 0-2000 0.90 provisional", "T1.2 withdrawn"]
    assert turns.update(("S1", 0, 2000)) == ["T2.3 S1 0-2000 0.90 provisional"]


def test_turns_are_withdrawn_in_the_order_of_their_numbers_and_their_ids_not_used_again() -> None:
    turns = Told()
    turns.update(("S1", 9000, 9900), ("S1", 0, 1000), ("S1", 2000, 3000))
    turns.update(("S1", 0, 1000), ("S1", 2000, 3000), ("S1", 9000, 9950))
    assert turns.update() == ["T1.3 withdrawn", "T2.2 withdrawn", "T3.2 withdrawn"]
    assert turns.update(("S1", 0, 1000)) == ["T4.1 S1 0-1000 0.90 provisional"]


@pytest.mark.parametrize(
    ("was", "now", "count"),
    [(0.9, 0.76, 0), (0.9, 0.75, 1), (0.6, 0.74, 0), (0.6, 0.76, 1)],
    ids=["a little less sure", "less sure", "a little surer", "surer"],
)
def test_only_a_clear_change_of_certainty_is_told(was: float, now: float, count: int) -> None:
    turns = Told()
    turns.update(("S1", 0, 1000, was))
    assert turns.update(("S1", 0, 1000, now)) == [f"T1.2 S1 0-1000 {now:.2f} provisional"][:count]


def test_certainty_is_told_to_the_hundredth() -> None:
    turns = Told()
    turns.update(("S1", 0, 1000, 0.8765))
    assert turns.book.turns[1].confidence == 0.88


def test_a_forgotten_turn_is_told_as_final_unless_it_was() -> None:
    turns = Told()
    turns.update(("S1", 0, 800), ("S1", 900, 1000), ("S2", 1000, 3000), settled_ms=800)
    assert told(turns.book.forget(1000)) == ["T2.2 S1 900-1000 0.90"]
    assert list(turns.book.turns) == [3]
    assert turns.update(("S2", 1000, 3000), settled_ms=800) == []


def many(count: int) -> Told:
    turns = Told()
    turns.update(*(("S1", 1000 * number, 1000 * number + 500) for number in range(count)))
    return turns


def test_only_blocks_whose_turns_changed_are_stored_anew() -> None:
    turns = many(100)
    before = turns.book.dump()
    assert sorted(before) == [f"turns.{number:05d}" for number in range(4)]
    said = [("S1", 1000 * number, 1000 * number + 500) for number in range(100)]
    turns.update(*said[:40], ("S2", 40_000, 40_500), *said[41:])
    after = turns.book.dump()
    assert [number for number in before if after[number] is not before[number]] == [f"turns.{41 // BLOCK:05d}"]
    turns.update(*said[:40], ("S2", 40_000, 40_500), *said[41:98], said[99])
    withdrawn = turns.book.dump()
    assert [number for number in after if withdrawn[number] is not after[number]] == [f"turns.{99 // BLOCK:05d}"]
    turns.book.forget(3000)
    assert [number for number in after if turns.book.dump()[number] is not withdrawn[number]] == ["turns.00000"]


@pytest.mark.parametrize("count", [3, 40], ids=["one block", "two blocks"])
def test_a_restored_book_stores_and_tells_the_same(count: int) -> None:
    turns, other = many(count), many(count + 1)
    other.book.dump()
    other.book.load(turns.book.dump())
    assert other.book.dump() == turns.book.dump()
    assert other.update(("S1", 0, 700)) == turns.update(("S1", 0, 700))
