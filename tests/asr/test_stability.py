"""Words are shown when two hypotheses agree, and never taken back."""

from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.asr.stability import Guess, Stability


def hypothesis_of(text: str, from_ms: int = 0) -> list[Guess]:
    return [Guess(word, from_ms + 300 * at, from_ms + 300 * at + 250, 0.9) for at, word in enumerate(text.split())]


def shown(stability: Stability) -> str:
    return " ".join(word.text for word in stability.shown)


def test_words_are_shown_when_two_hypotheses_in_a_row_agree_but_for_the_last() -> None:
    one = Stability()
    assert not one.add(hypothesis_of("so how are"), 0)
    assert one.add(hypothesis_of("so how is it going"), 0)
    assert shown(one) == "so how"
    assert one.add(hypothesis_of("so how is it going then"), 0)
    assert shown(one) == "so how is it going"


def test_the_last_word_is_never_shown() -> None:
    one = Stability()
    for _ in range(3):
        one.add(hypothesis_of("hello there"), 0)
    assert shown(one) == "hello"


def test_case_and_punctuation_do_not_matter_and_the_newer_writing_is_shown() -> None:
    one = Stability()
    one.add(hypothesis_of("hello there my"), 0)
    one.add(hypothesis_of("Hello, there. My friend"), 0)
    assert shown(one) == "Hello, there. My"


def test_what_is_shown_stays_whatever_later_hypotheses_say() -> None:
    one = Stability()
    one.add(hypothesis_of("so how are you"), 0)
    one.add(hypothesis_of("so how are you"), 0)
    one.add(hypothesis_of("sow cow far out today"), 0)
    one.add(hypothesis_of("sow cow far out today"), 0)
    assert shown(one).startswith("so how are")


@given(st.lists(st.text("abc ", max_size=30), max_size=12))
def test_it_only_grows_and_in_order_of_time(hypotheses: list[str]) -> None:
    one = Stability()
    for text in hypotheses:
        before = list(one.shown)
        assert one.add(hypothesis_of(text), 0) == (len(one.shown) > len(before))
        assert one.shown[: len(before)] == before
        middles = [word.middle_ms for word in one.shown]
        assert middles == sorted(middles)


def test_a_word_whose_middle_is_where_the_shown_ones_end_is_new_and_one_before_is_known() -> None:
    """The shown word ends at 250 ms."""
    one = Stability()
    for _ in range(2):
        one.add(hypothesis_of("so then"), 0)
    before, at = Guess("well", 199, 300, 0.9), Guess("well", 200, 300, 0.9)
    assert (one.through_ms, before.middle_ms, at.middle_ms) == (250, 249, 250)
    one.add([before, *hypothesis_of("yes no", 600)], 0)
    assert [word.text for word in one.last] == ["yes", "no"]
    one.add([at, *hypothesis_of("yes no", 600)], 0)
    assert [word.text for word in one.last] == ["well", "yes", "no"]
    assert shown(one) == "so"


def test_words_that_no_two_hypotheses_in_a_row_agree_on_are_not_shown() -> None:
    one = Stability()
    for text in ("so how are", "sow how are", "so how are"):
        assert not one.add(hypothesis_of(text), 0)
    assert not one.shown


def test_once_somebody_stops_the_last_word_is_shown_too() -> None:
    one = Stability()
    one.add(hypothesis_of("hello there"), 0)
    assert one.add(hypothesis_of("hello there"), 0, goes_on=False)
    assert shown(one) == "hello there"


def test_words_that_lie_some_time_back_are_shown_without_agreement() -> None:
    """The second word ends at 550 ms."""
    one = Stability()
    one.add(hypothesis_of("sow cow far out today"), 2049)
    assert shown(one) == "sow"
    one.add(hypothesis_of("so how are you doing", 0), 2050)
    assert shown(one) == "sow how"
