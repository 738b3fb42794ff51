"""Words stay when two hypotheses agree, and are never taken back then; the rest is shown, too, and may change."""

from hypothesis import given
from hypothesis import strategies as st

from speakerline.services.asr.stability import Guess, Stability


def hypothesis_of(text: str, from_ms: int = 0) -> list[Guess]:
    return [Guess(word, from_ms + 300 * at, from_ms + 300 * at + 250, 0.9) for at, word in enumerate(text.split())]


def staying(stability: Stability) -> str:
    return " ".join(word.text for word in stability.staying)


def shown(stability: Stability) -> str:
    return " ".join(word.text for word in stability.shown)


def test_words_stay_when_two_hypotheses_in_a_row_agree_but_for_the_last() -> None:
    one = Stability()
    one.add(hypothesis_of("so how are"), 0)
    assert staying(one) == ""
    one.add(hypothesis_of("so how is it going"), 0)
    assert staying(one) == "so how"
    one.add(hypothesis_of("so how is it going then"), 0)
    assert staying(one) == "so how is it going"


def test_the_last_word_never_stays() -> None:
    one = Stability()
    for _ in range(3):
        one.add(hypothesis_of("hello there"), 0)
    assert staying(one) == "hello"


def test_all_words_are_shown_but_one_that_the_end_of_the_sound_may_cut_off() -> None:
    """The words end at 250, 550 and 850 ms."""
    one = Stability()
    assert one.add(hypothesis_of("so how are"), 1050)
    assert (shown(one), staying(one)) == ("so how are", "")
    other = Stability()
    assert other.add(hypothesis_of("so how are"), 1049)
    assert shown(other) == "so how"
    nothing = Stability()
    assert not nothing.add(hypothesis_of("so how are"), 449)
    assert shown(nothing) == ""


def test_what_is_shown_changes_with_the_next_hypothesis_and_says_so() -> None:
    one = Stability()
    assert one.add(hypothesis_of("so how are"), 1100)
    assert one.add(hypothesis_of("so who is"), 1100), "one word stays now, and others are shown"
    assert (shown(one), staying(one)) == ("so who is", "so")
    assert one.add([], 1100), "words are taken back"
    assert shown(one) == "so"
    assert not one.add([], 1200)


def test_the_same_hypothesis_again_is_news_because_words_stay() -> None:
    one = Stability()
    one.add(hypothesis_of("so how are"), 1100)
    assert one.add(hypothesis_of("so how are"), 1100)
    assert not one.add(hypothesis_of("so how are"), 1100)


def test_case_and_punctuation_do_not_matter_and_the_newer_writing_stays() -> None:
    one = Stability()
    one.add(hypothesis_of("hello there my"), 0)
    one.add(hypothesis_of("Hello, there. My friend"), 0)
    assert staying(one) == "Hello, there. My"


def test_what_stays_does_so_whatever_later_hypotheses_say() -> None:
    one = Stability()
    one.add(hypothesis_of("so how are you"), 0)
    one.add(hypothesis_of("so how are you"), 0)
    one.add(hypothesis_of("sow cow far out today"), 0)
    one.add(hypothesis_of("sow cow far out today"), 0)
    assert staying(one).startswith("so how are")


@given(st.lists(st.tuples(st.text("abc ", max_size=30), st.integers(0, 5000)), max_size=12))
def test_what_stays_only_grows_and_what_is_shown_is_in_order_of_time(hypotheses: list[tuple[str, int]]) -> None:
    one = Stability()
    for text, end_ms in hypotheses:
        before, seen = list(one.staying), list(one.shown)
        news = one.add(hypothesis_of(text), end_ms)
        assert news or [word.text for word in one.shown] == [word.text for word in seen]
        assert one.staying[: len(before)] == before
        assert one.shown[: len(one.staying)] == one.staying
        middles = [word.middle_ms for word in one.shown]
        assert middles == sorted(middles)


def test_a_word_whose_middle_is_where_the_staying_ones_end_is_new_and_one_before_is_known() -> None:
    """The staying word ends at 250 ms."""
    one = Stability()
    for _ in range(2):
        one.add(hypothesis_of("so then"), 0)
    before, at = Guess("well", 199, 300, 0.9), Guess("well", 200, 300, 0.9)
    assert (one.through_ms, before.middle_ms, at.middle_ms) == (250, 249, 250)
    one.add([before, *hypothesis_of("yes no", 600)], 0)
    assert [word.text for word in one.last] == ["yes", "no"]
    one.add([at, *hypothesis_of("yes no", 600)], 0)
    assert [word.text for word in one.last] == ["well", "yes", "no"]
    assert staying(one) == "so"


def test_words_that_no_two_hypotheses_in_a_row_agree_on_do_not_stay() -> None:
    one = Stability()
    for text in ("so how are", "sow how are", "so how are"):
        one.add(hypothesis_of(text), 0)
    assert not one.staying


def test_once_nobody_speaks_all_words_stay() -> None:
    one = Stability()
    one.add(hypothesis_of("so how are"), 700)
    assert (shown(one), staying(one)) == ("so", "")
    assert one.settle()
    assert one == Stability(hypothesis_of("so how are"))
    assert not one.settle()


def test_where_nothing_stays_every_word_is_new() -> None:
    one = Stability()
    one.add([Guess("so", 0, 0, 0.9)], 2000)
    assert staying(one) == "so"


def test_words_that_lie_some_time_back_stay_without_agreement() -> None:
    """The second word ends at 550 ms."""
    one = Stability()
    one.add(hypothesis_of("sow cow far out today"), 2049)
    assert staying(one) == "sow"
    one.add(hypothesis_of("so how are you doing", 0), 2050)
    assert staying(one) == "sow how"


def test_what_lies_behind_a_place_goes_on_as_it_is() -> None:
    """The middles of the words are at 125, 425, 725, 1025 and 1325 ms; the last is not shown."""
    whole = Stability(hypothesis_of("so how"), hypothesis_of("are you now", 600), 2)
    assert whole.behind(126) == Stability(whole.staying[1:], whole.last, 2)
    assert whole.behind(425) == Stability(whole.staying[1:], whole.last, 2)
    assert whole.behind(1025) == Stability([], whole.last[1:], 1)
    assert whole.behind(1026) == Stability([], whole.last[2:], 0)
    assert whole.behind(2000) == Stability()


def test_a_word_that_is_drawn_out_hides_a_second_at_most() -> None:
    one = Stability([Guess("bye", 1000, 6000, 0.9)])
    assert one.through_ms == 2000
    one.add([Guess("so", 1800, 2198, 0.9), Guess("we", 1900, 2100, 0.9)], 9000)
    assert staying(one) == "bye we"


def test_the_last_word_stays_by_its_age_alone() -> None:
    """It ends at 550 ms."""
    one = Stability()
    for end_ms in (2000, 2049):
        one.add(hypothesis_of("so how"), end_ms)
        assert staying(one) == "so"
    one.add(hypothesis_of("how", 300), 2050)
    assert staying(one) == "so how"
