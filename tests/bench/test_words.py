"""How late words are, as the bench counts it."""

import pytest

from speakerline.shared.contract.v1 import TimelineEvent, Transcript, Word
from speakerline.tools.bench.arithmetic import CallTimings
from speakerline.tools.bench.words import WordDelays, word_delays

ALWAYS = (0.0, 1000.0)


def call(*events: tuple[float, TimelineEvent]) -> CallTimings:
    """Frames of 100 ms that are sent as they end, on a clock that reads 10 s when the call begins."""
    return CallTimings(100, [10 + (number + 1) / 10 for number in range(100)], list(events))


def words(*said: Word, final: bool = False) -> TimelineEvent:
    return TimelineEvent("c", 1, 0, transcript=Transcript(transcript_id="X", final=final, words=list(said)))


def word(text: str, start_ms: int, end_ms: int, source_id: str = "") -> Word:
    return Word(text=text, start_ms=start_ms, end_ms=end_ms, source_id=source_id)


def found(delays: WordDelays) -> tuple[list[float], list[float], int]:
    return [round(one, 3) for one in delays.shown], [round(one, 3) for one in delays.final], delays.interims


def test_a_word_is_shown_when_its_first_form_comes_and_final_when_the_last_does() -> None:
    played = call(
        (12.0, words(word("hello", 1000, 1300))),
        (12.7, words(word("hello", 1000, 1300))),
        (15.0, words(word("Hello,", 1040, 1320), final=True)),
    )
    assert found(word_delays(played, *ALWAYS)) == ([0.6], [3.6], 1)


def test_a_word_that_was_never_shown_before_is_shown_when_it_is_final() -> None:
    played = call((12.0, words(word("yellow", 1000, 1300))), (15.0, words(word("hello", 1000, 1300), final=True)))
    assert found(word_delays(played, *ALWAYS)) == ([3.7], [3.7], 0)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "seen_s"),
    [(1000, 1300, 0.7), (500, 901, 0.7), (500, 900, 3.7), (1399, 1700, 0.7), (1400, 1700, 3.7)],
)
def test_a_word_is_seen_when_any_word_stands_at_its_place(start_ms: int, end_ms: int, seen_s: float) -> None:
    played = call((12.0, words(word("other", start_ms, end_ms))), (15.0, words(word("yes", 1000, 1300), final=True)))
    delays = word_delays(played, *ALWAYS)
    assert [round(one, 3) for one in delays.seen] == [seen_s]
    assert found(delays)[0] == [3.7]


@pytest.mark.parametrize(("from_ms", "shown_s"), [(2500, 1.7), (2501, 3.7)])
def test_a_word_may_have_moved_by_a_second_and_a_half(from_ms: int, shown_s: float) -> None:
    moved = word("yes", from_ms, from_ms + 300)
    played = call((13.0, words(moved)), (15.0, words(word("yes", 1000, 1300), final=True)))
    assert found(word_delays(played, *ALWAYS))[0] == [shown_s]


def test_words_are_matched_in_the_order_in_which_they_are_said() -> None:
    """What is shown first is the second `no`, behind a word that stands in both."""
    first, later = [word("well", 1000, 1200), word("no", 1200, 1400)], word("no", 600, 800)
    played = call((12.0, words(*first)), (12.5, words(later, *first)), (15.0, words(later, *first, final=True)))
    assert found(word_delays(played, *ALWAYS)) == ([1.7, 0.8, 0.6], [4.2, 3.8, 3.6], 3)


def test_words_of_one_channel_are_not_shown_by_those_of_another() -> None:
    here, there = words(word("yes", 1000, 1300)), words(word("yes", 1000, 1300), final=True)
    assert here.transcript
    here.transcript.channel = 1
    assert found(word_delays(call((12.0, here), (15.0, there)), *ALWAYS)) == ([3.7], [3.7], 0)


def test_a_final_word_that_comes_again_counts_once() -> None:
    final = words(word("hello", 1000, 1300), final=True)
    assert found(word_delays(call((13.0, final), (17.0, final)), *ALWAYS)) == ([1.7], [1.7], 0)


def test_words_of_separated_voices_do_not_count() -> None:
    assert found(word_delays(call((13.0, words(word("hello", 1000, 1300, "S1"), final=True))), *ALWAYS)) == ([], [], 0)


@pytest.mark.parametrize(("from_s", "to_s", "counted"), [(11.3, 11.4, 1), (11.2, 11.3, 0), (11.31, 12, 0)])
def test_words_spoken_within_the_interval_count(from_s: float, to_s: float, counted: int) -> None:
    played = call((13.0, words(word("hello", 1000, 1300), final=True)))
    assert len(word_delays(played, from_s, to_s).final) == counted
