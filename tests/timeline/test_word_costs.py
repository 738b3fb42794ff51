"""To the millisecond: where a word goes to the next speaker, how sure that is, and which of two words is one too many.

A talks up to 10 s, B from then on. The first word is A's; the second one's middle is so many ms behind the change.
"""

import pytest

from speakerline.shared.contract import v1
from speakerline.shared.timeline.doubles import Doubles
from speakerline.shared.timeline.words import Scene, attribute
from tests.timeline.events import turn

A_THEN_B = [turn("t1", "A", 0, 10_000), turn("t2", "B", 10_000, 20_000)]


def speakers(words: list[v1.Word], turns: list[v1.Turn] = A_THEN_B) -> str:
    return "".join(found.speaker_id or "-" for found in attribute(words, Scene(turns)))


def sure(word: v1.Word, *turns: v1.Turn, mixed: list[tuple[int, int]] | None = None) -> float:
    (found,) = attribute([word], Scene(turns, mixed=mixed or []))
    return found.confidence


def at(middle_ms: int, text: str = "so", confidence: float = 0.9) -> v1.Word:
    return v1.Word(text, middle_ms - 50, middle_ms + 50, confidence)


def pair(
    behind_ms: int, pause_ms: int = 0, first: str = "so", confidence: float = 0.9, last: str = "we"
) -> list[v1.Word]:
    """Two words with a pause between them."""
    second = at(10_000 + behind_ms, last, confidence)
    return [v1.Word(first, second.start_ms - pause_ms - 400, second.start_ms - pause_ms, 0.9), second]


@pytest.mark.parametrize(
    ("last_of_a", "words"),
    [
        pytest.param(25, {}, id="without a pause"),
        pytest.param(13, {"pause_ms": 150}, id="in a short pause"),
        pytest.param(2, {"pause_ms": 300}, id="in a pause"),
        pytest.param(2, {"pause_ms": 900}, id="in a longer pause, which makes it no likelier"),
        pytest.param(25, {"pause_ms": -30}, id="where the words touch"),
        pytest.param(2, {"first": "so."}, id="behind a sentence"),
        pytest.param(2, {"first": "so?"}, id="behind a question"),
        pytest.param(2, {"first": "so!”"}, id="behind what is quoted"),
        pytest.param(2, {"first": 'so…"'}, id="behind what trails off"),
        pytest.param(100, {"last": "we."}, id="within a sentence"),
        pytest.param(25, {"last": "we,"}, id="a comma is no end"),
        pytest.param(50, {"confidence": 0.39}, id="before a word that is hardly recognised"),
        pytest.param(25, {"confidence": 0.4}, id="before a word that is recognised well enough"),
    ],
)
def test_how_far_the_words_of_one_speaker_reach_into_the_turn_of_the_next(last_of_a: int, words: dict) -> None:
    assert speakers(pair(last_of_a, **words)) == "AA"
    assert speakers(pair(last_of_a + 1, **words)) == "AB"


def test_a_pause_alone_leaves_the_first_word_where_it_is() -> None:
    """Of the same cost either way, the earlier speaker has it."""
    assert speakers([at(10_000)]) == "A"
    assert speakers([at(10_001)]) == "B"


def test_one_word_that_is_hardly_recognised_is_no_interruption_of_a_sentence_however_deep_in_a_turn() -> None:
    turns = [turn("t1", "A", 0, 4000), turn("t2", "B", 4000, 5800), turn("t3", "A", 5800, 12_000)]
    words = [v1.Word("we", 2000, 3900, 0.9), v1.Word("hm", 3900, 5900, 0.1), v1.Word("go.", 5900, 8000, 0.9)]
    assert speakers(words, turns) == "AAA"
    words[1] = v1.Word("hm", 3900, 5900, 0.4)
    assert speakers(words, turns) == "ABA"


@pytest.mark.parametrize(("behind_ms", "whose"), [(999, "A"), (1000, "-")])
def test_a_word_a_second_behind_all_turns_is_nobodys(behind_ms: int, whose: str) -> None:
    assert speakers([at(10_000 + behind_ms)], A_THEN_B[:1]) == whose
    assert speakers([at(10_000 - behind_ms)], A_THEN_B[1:]) == whose.replace("A", "B")


def test_beyond_two_seconds_deep_is_deep_enough() -> None:
    a = turn("t1", "A", 0, 10_000, confidence=1.0)
    assert sure(at(5000), a, turn("t2", "B", 3000, 9000)) == 0.25, "as likely A's as B's, and both talk"
    assert sure(at(5000), a, turn("t2", "B", 3050, 9000)) == round(0.5 / (1 + 2.718281828**-1), 2)


def test_a_word_that_goes_where_its_neighbours_go_is_still_somewhat_sure() -> None:
    first, second = attribute(pair(25), Scene([turn("t1", "A", 0, 10_000, confidence=1.0), A_THEN_B[1]]))
    assert (second.speaker_id, second.confidence) == ("A", 0.3)
    assert first.confidence > 0.9


def test_a_word_of_nobody_is_not_sure_at_all() -> None:
    assert sure(at(5000), turn("t1", "", 0, 10_000)) == 0.0


@pytest.mark.parametrize(
    ("mixed", "confidence"),
    [((5000, 6000), 0.4), ((5001, 6000), 0.8), ((4000, 5001), 0.4), ((4000, 5000), 0.8)],
    ids=["from its middle on", "behind its middle", "up to its middle", "before its middle"],
)
def test_a_word_is_half_as_sure_where_voices_overlap(mixed: tuple[int, int], confidence: float) -> None:
    assert sure(at(5000), turn("t1", "A", 0, 10_000, confidence=0.8), mixed=[mixed]) == confidence


def test_a_word_outside_of_all_turns_is_half_as_sure() -> None:
    a = turn("t1", "A", 0, 10_000, confidence=0.8)
    assert sure(at(9999), a) == 0.8
    assert sure(at(10_000), a) == sure(at(10_500), a) == 0.4


def test_the_turn_that_the_word_lies_in_says_how_sure_it_is() -> None:
    turns = [turn("t1", "A", 0, 5000, confidence=0.4), turn("t2", "A", 5000, 9000, confidence=0.8)]
    assert [sure(at(middle), *turns) for middle in (4900, 5100, 9500)] == [0.4, 0.8, 0.4]
    again = [turn("t1", "A", 0, 5000, confidence=0.4), turn("t2", "A", 0, 5000, confidence=0.8)]
    assert sure(at(1000), *again) == 0.8


def test_ids_are_in_the_order_of_their_numbers() -> None:
    two, ten = turn("t1", "S2", 0, 5000), turn("t2", "S10", 0, 5000)
    (found,) = attribute([at(1000)], Scene([ten, two]))
    assert found.speaker_id == "S2"


def test_words_of_a_source_part_what_lies_around_them() -> None:
    """No sentence goes on across them, and what is said before and after is found apart."""
    words = [at(9900), v1.Word("no", 9950, 10_000, 0.9, "s1"), at(10_020)]
    assert speakers(words) == "A-B"
    assert speakers([words[0], words[2]]) == "AA"


def beaten(*words: v1.Word) -> str:
    """Of words of one transcript each, `x` for those that another says better."""
    made = [v1.Transcript(f"w{at}", 1, words=[word]) for at, word in enumerate(words)]
    doubles = Doubles(lambda one: made)
    return "".join("x" if doubles.superseded(one)[0] else "." for one in made)


def word(start_ms: int, end_ms: int, text: str = "yes", confidence: float = 0.9, source_id: str = "") -> v1.Word:
    return v1.Word(text, start_ms, end_ms, confidence, source_id, speaker_id="A")


def test_words_are_one_where_they_share_more_than_half_of_the_shorter_ones_time() -> None:
    assert beaten(word(0, 200), word(100, 500)) == ".."
    assert beaten(word(0, 200), word(99, 500)) == ".x"
    assert beaten(word(0, 1000), word(900, 1000)) == ".x"
    assert beaten(word(0, 1000), word(1000, 1100)) == ".."


def test_a_word_of_no_length_is_one_with_what_it_lies_in() -> None:
    assert beaten(word(100, 100), word(0, 400)) == ".x"
    assert beaten(word(100, 100), word(100, 100)) == ".x"
    assert beaten(word(400, 400), word(0, 400)) == ".."


def test_a_short_word_finds_a_long_one_that_began_much_earlier() -> None:
    assert beaten(word(0, 5000, confidence=0.5), word(4000, 4200), word(100, 200, "no")) == "x.."


@pytest.mark.parametrize(
    ("in_call", "in_source", "expected"),
    [(0.9, 0.64, "x."), (0.9, 0.63, ".x"), (0.9, 0.62, ".x"), (0.1, 0.1, "x.")],
)
def test_a_word_in_the_sound_of_the_call_is_worth_seven_tenths_of_one_of_a_source(
    in_call: float, in_source: float, expected: str
) -> None:
    """Of two that are worth the same, the one with the earlier name stays."""
    assert beaten(word(0, 200, confidence=in_call), word(0, 200, confidence=in_source, source_id="s1")) == expected


@pytest.mark.parametrize("text", ["Yes", "yes.", "«YES»", "¿yes?", "‘yes’", "...yes…"])
def test_writing_makes_no_other_word(text: str) -> None:
    assert beaten(word(0, 200), word(0, 200, text)) == ".x"


def test_what_is_within_a_word_makes_another() -> None:
    assert beaten(word(0, 200, "its"), word(0, 200, "it's")) == ".."


def test_two_sources_that_are_nobodys_may_say_what_they_like() -> None:
    one, two = (v1.Word("yes", 0, 200, 0.9, source) for source in ("s1", "s2"))
    assert beaten(one, two) == ".."
    assert beaten(one, v1.Word("yes", 0, 200, 0.8, "s1")) == ".x"
    assert beaten(one, v1.Word("no", 0, 200, 0.8, "s1")) == "..", "as one source was heard twice"
