"""Which words are on show, under which name, and what becomes of them when a turn is cut, ends or goes."""

from collections.abc import Sequence

import pytest

from speakerline.services.asr.channel import Part
from speakerline.services.asr.interims import Interims
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.utterances import Utterance


def utterance(
    start_ms: int, end_ms: int, name: str = "W1", revision: int = 1, channel: int = 0, source_id: str = ""
) -> Utterance:
    return Utterance(name, revision, channel, (Part(start_ms, end_ms, source_id),), (start_ms, end_ms))


def words(*middles_ms: int) -> list[Guess]:
    return [Guess(f"w{middle}", middle - 50, middle + 50, 0.9) for middle in middles_ms]


def showing(*middles_ms: int, of: Utterance) -> Interims:
    """Two hypotheses agree on these words; a last one is doubtful still."""
    interims = Interims({})
    for _ in range(2):
        shown = interims.update(of, [*words(*middles_ms), *words(of.end_ms + 5000)])
    assert shown == words(*middles_ms)
    return interims


def middles(found: Sequence[Guess]) -> list[int]:
    return [word.middle_ms for word in found]


@pytest.mark.parametrize(("length_ms", "grown"), [(499, False), (500, True), (25_000, True), (25_001, False)])
def test_only_utterances_of_half_a_second_to_25_seconds_are_shown(length_ms: int, grown: bool) -> None:
    one = utterance(3000, 3000 + length_ms)
    assert Interims({}).grown([one]) == [one] * grown


def test_an_utterance_is_listened_to_again_when_more_was_told_of_it() -> None:
    interims = Interims({})
    assert interims.update(utterance(0, 1000, revision=3), words(500, 700)) == (), "one hypothesis shows nothing"
    assert interims.grown([utterance(0, 1000, revision=3)]) == []
    assert interims.grown([utterance(0, 1000, revision=2)]) == []
    again = utterance(0, 1000, revision=4)
    assert interims.grown([again]) == [again]
    assert interims.update(again, words(500, 700)) == words(500)
    assert interims.update(utterance(0, 1000, revision=5), words(500)) == (), "no more than before"


def test_a_name_is_on_show_when_words_are() -> None:
    interims = Interims({})
    interims.update(utterance(0, 1000), words(500, 700))
    assert not interims.is_shown("W1") and not interims.is_shown("W2")
    interims.update(utterance(0, 1000, revision=2), words(500, 700))
    assert interims.is_shown("W1")
    interims.close(utterance(0, 1000))
    assert not interims.is_shown("W1")


def test_what_was_shown_is_withdrawn_with_its_last_place_when_it_is_open_no_more() -> None:
    interims = showing(500, of=utterance(0, 1000, channel=1))
    interims.update(utterance(100, 2000, revision=7, channel=1), words(500))
    interims.update(utterance(0, 1000, "W2"), words(500, 700))
    assert interims.withdraw([utterance(0, 2000)]) == []
    ((name, shown),) = interims.withdraw([])
    assert name == "W1", "of the other no word was on show"
    assert (shown.channel, shown.start_ms, shown.end_ms, shown.revision) == (1, 100, 2000, 7)
    assert interims.withdraw([]) == []


def test_words_behind_a_cut_go_on_under_the_name_of_what_follows() -> None:
    interims = showing(400, 999, 1000, 1600, of=utterance(0, 2000))
    assert middles(interims.close(utterance(0, 1000))) == [400, 999]
    rest = utterance(1000, 2000, "W2", revision=5, channel=0)
    elsewhere, later = utterance(1000, 2000, "W3", channel=1), utterance(1601, 2000, "W4")
    ((one, shown),) = interims.go_on([elsewhere, later, rest])
    assert (one, middles(shown)) == (rest, [1000, 1600])
    assert interims.is_shown("W2")
    assert interims.grown([rest]) == [], "it is as it was heard"
    ((name, ended),) = interims.withdraw([])
    assert (name, ended.channel, ended.start_ms, ended.end_ms) == ("W2", 0, 1000, 2000)


@pytest.mark.parametrize(("end_ms", "taken"), [(1600, [1000]), (1601, [1000, 1600])])
def test_what_follows_takes_the_words_before_its_end(end_ms: int, taken: list[int]) -> None:
    interims = showing(1000, 1600, of=utterance(0, 2000))
    interims.close(utterance(0, 900))
    ((_, shown),) = interims.go_on([utterance(1000, end_ms, "W2")])
    assert middles(shown) == taken
    assert interims.go_on([utterance(1000, 2000, "W3")]) == [], "they wait once"


def test_words_behind_a_cut_are_in_the_next_final_where_that_comes_first() -> None:
    interims = showing(400, 1000, 1599, 1600, of=utterance(0, 2000))
    interims.close(utterance(0, 800))
    assert interims.close(utterance(1000, 1600, "S1", source_id="s")) == [], "a source has words of its own"
    assert interims.close(utterance(1000, 1600, "W2", channel=1)) == []
    assert middles(interims.close(utterance(1000, 1600, "W3"))) == [1000, 1599]
    assert middles(interims.close(utterance(1600, 1700, "W4"))) == [1600]
    assert interims.close(utterance(1000, 2000, "W5")) == []


def test_an_utterance_that_is_on_show_takes_no_words_of_another() -> None:
    interims = showing(400, 1000, of=utterance(0, 2000))
    other = utterance(900, 2000, "W2")
    for _ in range(2):
        interims.update(other, words(1200, 1900))
    interims.close(utterance(0, 900))
    assert interims.go_on([other]) == []


def test_what_is_on_show_is_the_same_after_a_restart() -> None:
    interims = showing(500, 700, of=utterance(100, 1000, revision=4, channel=2))
    again = Interims(interims.dump())
    assert again.dump() == interims.dump()
    ((_, shown),) = again.withdraw([])
    assert (shown.channel, shown.start_ms, shown.end_ms, shown.revision) == (2, 100, 1000, 4)
    assert middles(shown.words) == [500, 700]
