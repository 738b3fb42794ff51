"""Lifted voices: whom each is given to, what is told of it, how it is remembered."""

from dataclasses import replace

import numpy as np
import pytest

from speakerline.services.clustering.lifted import BLOCK, LiftedBook, voiceprints
from speakerline.services.clustering.render import added, runs, vote
from speakerline.shared.contract.v1 import Separation, SeparationOutcome, Source


def voice(name: str, spans_ms: list[int] | None = None) -> Source:
    return Source(name, 900, 2100, "key", "", 6.0, spans_ms or [0, 2500])


def lifted(number: int, start_ms: int = 1000, *sources: Source) -> Separation:
    span = start_ms, start_ms + 1000
    return Separation(f"X{number}", 0, *span, [f"O{number}"], 2, SeparationOutcome.SEPARATED, list(sources))


def book_of_two() -> LiftedBook:
    book = LiftedBook()
    book.append(lifted(1, 1000, voice("X1.1"), voice("X1.2", [1200, 1500])))
    return book


def test_what_changed_is_told_with_a_higher_revision_and_nothing_else_is() -> None:
    book = book_of_two()
    (first,) = book.news()
    assert (first.revision, [source.speaker_id for source in first.sources]) == (1, ["", ""])
    assert book.news() == []
    book.give(0, [0, 1], [0.9, 0.8])
    (second,) = book.news()
    assert (second.revision, [source.speaker_id for source in second.sources]) == (2, ["S1", "S2"])
    assert second.sources[0].spans_ms == [900, 2100]
    book.give(0, [0, 1], [0.95, 0.75])
    assert book.news() == []
    book.give(0, [0, 1], [0.95, 0.5])
    assert [one.revision for one in book.news()] == [3]


def test_a_speaker_who_was_another_hands_sources_over_but_keeps_one_of_two() -> None:
    book = book_of_two()
    book.give(0, [0, 1], [0.9, 0.8])
    book.hand_over(1, 2)
    assert book.given[0].speakers == [0, 2]
    book.hand_over(2, 0)
    assert (book.given[0].speakers, book.given[0].sure) == ([0, -1], [0.9, 0.0])


@pytest.mark.parametrize(
    ("speakers", "sure", "limits", "count"),
    [
        pytest.param([0, 1], [0.9, 0.8], (0.6, 3.0), 2, id="both surely somebody's"),
        pytest.param([0, 1], [0.9, 0.5], (0.6, 3.0), 0, id="one is not sure"),
        pytest.param([0, -1], [0.9, 0.0], (0.0, 3.0), 0, id="one is nobody's"),
        pytest.param([0, 1], [0.9, 0.8], (0.6, 7.0), 0, id="hardly better than the mixture"),
    ],
)
def test_only_what_is_sure_becomes_turns(
    speakers: list[int], sure: list[float], limits: tuple[float, float], count: int
) -> None:
    book = book_of_two()
    book.give(0, speakers, sure)
    found = book.surely(*limits)
    assert [(who, start, end) for who, start, end, _ in found] == [(0, 1000, 2000), (1, 1200, 1500)][:count]


def test_a_restored_book_tells_the_same_and_full_blocks_keep_their_bytes() -> None:
    book = LiftedBook()
    for number in range(40):
        book.append(lifted(number, 1000 * number, voice("a"), voice("b")))
    book.give(3, [0, 1], [0.7, 0.6])
    book.news()
    other = LiftedBook()
    other.load(book.dump())
    assert other.dump() == book.dump()
    for one in (book, other):
        one.give(3, [1, 0], [0.7, 0.6])
        one.forget(1000 * BLOCK)
    assert other.news() == book.news()
    assert book.first == BLOCK
    assert sorted(book.dump()) == ["evidence.00001", "evidence.00002", "given.00001", "given.00002"]
    assert book.dump()["evidence.00001"] is book.dump()["evidence.00001"]
    assert other.dump() == book.dump()


def test_lifted_voices_are_added_to_what_the_windows_say() -> None:
    windows = np.array([[0, 2000]])
    votes = vote(np.array([[0, 1500]]), np.zeros(1, int), np.full(1, 0.9), windows, 1)
    more = added(votes, np.array([1]), np.array([[500, 1000], [1200, 1800]]), np.array([0, 1]), np.full(2, 0.7), 2)
    assert runs(more, 0, 100) == [(500, 1000, 0.7)]
    ((start, end, sure),) = runs(more, 1, 100)
    assert (start, end) == (0, 1800)
    assert sure == pytest.approx((1500 * 0.9 + 300 * 0.7) / 1800)
    beyond = added(votes, np.array([0]), np.array([[1900, 2600]]), np.array([0]), np.full(1, 0.7), 1, from_ms=100)
    assert [(a, b) for a, b, _ in runs(beyond, 0, 500)] == [(0, 2600)]


def test_a_voiceprint_of_another_size_is_refused() -> None:
    wrong = lifted(1, 0, replace(voice("X1.1"), voiceprint="AAAAAA=="))
    with pytest.raises(ValueError, match="has 16 numbers, got 2"):
        voiceprints(wrong, 16)
