"""Lifted voices: whom each is given to, what is told of it, how it is remembered."""

from dataclasses import replace

import numpy as np
import pytest

from speakerline.services.clustering.lifted import BLOCK, LiftedBook, voiceprints
from speakerline.shared.contract.v1 import Separation, SeparationOutcome, Source
from speakerline.shared.voiceprints.vectors import encode_vector


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


def test_what_has_not_changed_hides_no_news() -> None:
    book = LiftedBook()
    for number in (1, 2):
        book.append(lifted(number, 1000 * number, voice("a"), voice("b")))
    assert [one.separation_id for one in book.news()] == ["X1", "X2"]
    book.give(1, [0, 1], [0.9, 0.8])
    assert [one.separation_id for one in book.news()] == ["X2"]


def test_a_separation_is_told_as_it_came_with_the_speakers_of_its_sources() -> None:
    book = LiftedBook()
    one = Source("X7.1", 900, 2100, "key 1", "", 6.5, [0, 950, 1000, 2500])
    both = [one, voice("X7.2")]
    book.append(Separation("X7", 3, 1000, 2000, ["O1", "O2"], 3, SeparationOutcome.SEPARATED, both, detail="why"))
    book.give(0, [4, -1], [0.8765, 0.0])
    (told,) = book.news()
    assert (told.separation_id, told.revision, told.channel, told.start_ms, told.end_ms) == ("X7", 1, 3, 1000, 2000)
    assert (list(told.overlap_ids), told.voices) == (["O1", "O2"], 3)
    assert (told.outcome, told.detail) == (SeparationOutcome.SEPARATED, "why")
    first, second = told.sources
    assert (first.source_id, first.speaker_id, first.confidence, first.sound_key) == ("X7.1", "S5", 0.88, "key 1")
    assert (first.start_ms, first.end_ms, first.improvement_db) == (900, 2100, 6.5)
    assert list(first.spans_ms) == [900, 950, 1000, 2100]
    assert (second.source_id, second.speaker_id, second.confidence) == ("X7.2", "", 0.0)


@pytest.mark.parametrize(
    ("now", "count"),
    [
        (([0, 1], [0.9, 0.66]), 0),
        (([0, 1], [0.9, 0.64]), 1),
        (([0, 1], [0.74, 0.8]), 1),
        (([0, -1], [0.9, 0.8]), 1),
        (([0, 1], [0.9, 0.96]), 1),
    ],
    ids=["hardly less sure", "less sure of the second", "of the first", "another speaker", "surer"],
)
def test_only_clear_changes_are_told(now: tuple[list[int], list[float]], count: int) -> None:
    book = book_of_two()
    book.give(0, [0, 1], [0.9, 0.8])
    book.news()
    book.give(0, *now)
    assert len(book.news()) == count


@pytest.mark.parametrize(
    ("speakers", "sure", "expected"),
    [
        ([0, 1], [0.9, 0.8], ([0, 2], [0.9, 0.8])),
        ([1, 0], [0.9, 0.8], ([2, 0], [0.9, 0.8])),
        ([2, 1], [0.9, 0.8], ([2, -1], [0.9, 0.0])),
        ([2, 1], [0.7, 0.8], ([-1, 2], [0.0, 0.8])),
        ([1, 2], [0.9, 0.8], ([2, -1], [0.9, 0.0])),
        ([1, 2], [0.8, 0.8], ([-1, 2], [0.0, 0.8])),
        ([0, 3], [0.9, 0.8], ([0, 3], [0.9, 0.8])),
    ],
    ids=[
        "the second is the heir's",
        "the first is",
        "the heir keeps the source that is surely its own",
        "or gets the one that surely was the other's",
        "whichever is the first",
        "the heir's own goes before",
        "others keep theirs",
    ],
)
def test_what_was_given_to_a_speaker_is_its_heir_s_but_one_source_only(
    speakers: list[int], sure: list[float], expected: tuple[list[int], list[float]]
) -> None:
    book = book_of_two()
    book.give(0, speakers, sure)
    book.hand_over(1, 2)
    assert (book.given[0].speakers, book.given[0].sure) == expected


@pytest.mark.parametrize(
    ("speakers", "sure", "limits", "count"),
    [
        pytest.param([0, 1], [0.9, 0.8], (0.6, 3.0), 2, id="both surely somebody's"),
        pytest.param([0, 1], [0.9, 0.5], (0.6, 3.0), 0, id="one is not sure"),
        pytest.param([0, -1], [0.9, 0.0], (0.0, 3.0), 0, id="one is nobody's"),
        pytest.param([0, 1], [0.9, 0.8], (0.6, 7.0), 0, id="hardly better than the mixture"),
        pytest.param([0, 1], [0.9, 0.8], (0.8, 6.0), 2, id="just sure and good enough"),
        pytest.param([0, 1], [0.8, 0.9], (0.85, 6.0), 0, id="the other one is not sure"),
    ],
)
def test_only_what_is_sure_becomes_turns(
    speakers: list[int], sure: list[float], limits: tuple[float, float], count: int
) -> None:
    book = book_of_two()
    book.give(0, speakers, sure)
    found = book.surely(*limits)
    assert found == [(0, 1000, 2000, sure[0]), (1, 1200, 1500, sure[1])][:count]


def test_a_voice_with_pauses_becomes_several_turns_each_within_what_was_separated() -> None:
    book = LiftedBook()
    book.append(lifted(1, 1000, voice("X1.1", [500, 1200, 1400, 1700, 1900, 2600]), voice("X1.2", [1000, 1100])))
    book.give(0, [0, 1], [0.9, 0.8])
    spans = [(0, 1000, 1200, 0.9), (0, 1400, 1700, 0.9), (0, 1900, 2000, 0.9), (1, 1000, 1100, 0.8)]
    assert book.surely(0.6, 3.0) == spans


def test_one_voice_alone_becomes_no_turn_and_improvement_counts_on_average() -> None:
    book = LiftedBook()
    book.append(lifted(1, 1000, voice("X1.1")))
    book.append(lifted(2, 3000, replace(voice("X2.1"), improvement_db=1.0), replace(voice("X2.2"), spans_ms=[0, 3500])))
    for at, speakers in enumerate([[0], [0, 1]]):
        book.give(at, speakers, [0.9] * len(speakers))
    assert book.surely(0.6, 3.5) == [(1, 3000, 3500, 0.9)]
    assert book.surely(0.6, 3.6) == []


def test_what_is_hardly_better_than_its_mixture_hides_nothing_that_comes_after_it() -> None:
    book = LiftedBook()
    for number, improvement_db in enumerate([1.0, 6.0]):
        voices = [replace(voice(name, [0, 9000]), improvement_db=improvement_db) for name in ("a", "b")]
        book.append(lifted(number, 2000 * number, *voices))
        book.give(number, [0, 1], [0.9, 0.8])
    assert book.surely(0.6, 3.0) == [(0, 2000, 3000, 0.9), (1, 2000, 3000, 0.8)]


@pytest.mark.parametrize(
    ("count", "before_ms", "first"),
    [(40, 16_000, 16), (40, 15_999, 0), (40, 90_000, 32), (16, 90_000, 0), (17, 90_000, 16)],
    ids=["a block that ended", "one that did not quite", "two blocks", "the last block stays", "whatever is in it"],
)
def test_blocks_of_which_everything_ended_are_forgotten(count: int, before_ms: int, first: int) -> None:
    book = LiftedBook()
    for number in range(count):
        book.append(lifted(number, 1000 * number, voice("a")))
    book.forget(before_ms)
    assert (book.first, len(book.lifted), len(book.given)) == (first, count - first, count - first)
    assert sorted(book.dump()) == sorted(
        f"{kind}.{block:05d}" for block in range(first // 16, (count + 15) // 16) for kind in ("evidence", "given")
    )


def test_voiceprints_are_rows_and_a_source_without_one_is_zero() -> None:
    some = encode_vector(np.array([0.5, -0.5, 0.25], np.float32))
    one = lifted(1, 0, voice("a"), replace(voice("b"), voiceprint=some))
    assert voiceprints(one, 3).tolist() == [[0.0, 0.0, 0.0], [0.5, -0.5, 0.25]]


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


def test_a_restored_book_begins_where_the_stored_one_does() -> None:
    book, other = LiftedBook(), LiftedBook()
    for number in range(20):
        book.append(lifted(number, 1000 * number, voice("a")))
    book.forget(90_000)
    other.load(book.dump())
    assert (other.first, len(other.lifted)) == (BLOCK, 20 - BLOCK)
    other.load({})
    assert (other.first, other.lifted, other.given) == (0, [], [])


def test_a_voiceprint_of_another_size_is_refused() -> None:
    wrong = lifted(1, 0, replace(voice("X1.1"), voiceprint="AAAAAA=="))
    with pytest.raises(ValueError, match="has 16 numbers, got 2"):
        voiceprints(wrong, 16)
