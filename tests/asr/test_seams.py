"""Words around a cut amid speech come once: joined by their text, not by their times."""

import pytest

from speakerline.services.asr.seams import after_seam, before_seam
from speakerline.services.asr.stability import Guess

CUT_MS, SEAM_MS = 10_000, 1000


def spoken(text: str, from_ms: int) -> list[Guess]:
    """A word each 250 ms."""
    return [Guess(word, from_ms + 250 * at, from_ms + 250 * at + 200, 0.9) for at, word in enumerate(text.split())]


def text(words: list[Guess]) -> str:
    return " ".join(word.text for word in words)


def test_before_a_cut_words_are_told_through_half_of_what_is_heard_behind_it() -> None:
    words = spoken("one two three four five", 9500)
    assert text(before_seam(words, CUT_MS, CUT_MS + SEAM_MS)) == "one two three four"


def test_a_word_around_half_of_that_is_left_to_the_window_behind() -> None:
    for end_ms, told in ((10_699, "one two"), (10_700, "one")):
        words = [*spoken("one", 9500), Guess("two", 10_300, end_ms, 0.9)]
        assert text(before_seam(words, CUT_MS, CUT_MS + SEAM_MS)) == told


def test_a_word_that_the_end_of_the_sound_cuts_off_is_not_told() -> None:
    for end_ms, told in ((10_949, "one two thr"), (10_950, "one two")):
        words = [*spoken("one two", 9500), Guess("thr", 10_000, end_ms, 0.9)]
        assert text(before_seam(words, CUT_MS, CUT_MS + SEAM_MS)) == told


@pytest.mark.parametrize(
    ("heard", "added"),
    [
        pytest.param(spoken("on monday at the office", 9500), "the office", id="the same, from its second word on"),
        pytest.param(spoken("Eat on Monday, at the office", 9250), "the office", id="writing does not matter"),
        pytest.param(spoken("on monday at the office", 9800), "the office", id="later by 0.3 s"),
        pytest.param(spoken("on monday at the office", 9200), "the office", id="earlier by 0.3 s"),
        pytest.param(spoken("on monday et the", 10_150), "et the", id="what is in common comes once, however late"),
        pytest.param(spoken("the office", 10_100), "the office", id="what begins amid the last word is new"),
        pytest.param(spoken("the office", 10_099), "office", id="what lies before its end is not"),
        pytest.param(spoken("on monday at the office", 10_199), "the office", id="later by not quite 0.7 s"),
        pytest.param(spoken("on monday at the office", 10_200), "on monday at the office", id="0.7 s are another time"),
        pytest.param(spoken("a sunday at the office", 9500), "the office", id="one word in common"),
        pytest.param(spoken("a sunday at the office", 9200), "the office", id="one word, earlier by 0.3 s"),
        pytest.param(spoken("on mon day the office now", 9500), "the office now", id="the end differs: by time"),
        pytest.param(spoken("un lundi dans le bureau", 9500), "le bureau", id="nothing in common: by time"),
        pytest.param(spoken("on monday", 9500), "", id="nothing new"),
        pytest.param(
            spoken("on on monday at the office", 9550), "the office", id="three in common, though one is nearer"
        ),
    ],
)
def test_after_a_cut_the_words_behind_those_in_common_are_new(heard: list[Guess], added: str) -> None:
    said = spoken("we should meet on monday at", 8750)
    assert text(after_seam(said, heard, CUT_MS, SEAM_MS)) == added


def test_of_equal_words_those_are_in_common_that_were_said_at_the_same_time() -> None:
    said = spoken("no no no", 9300)
    assert text(after_seam(said, spoken("no no no no no", 9300), CUT_MS, SEAM_MS)) == "no no"


@pytest.mark.parametrize(
    ("said", "heard", "added"),
    [
        pytest.param((8700, 9001), (9300, 9500), "", id="it ends within the sound of the window behind"),
        pytest.param((8700, 9000), (9300, 9500), "no", id="it ends where that begins"),
        pytest.param((10_300, 10_500), (10_999, 11_095), "", id="heard within the sound of the window before"),
        pytest.param((10_300, 10_500), (11_000, 11_095), "no", id="heard from the end of that on"),
    ],
)
def test_only_words_that_both_windows_can_have_heard_are_in_common(
    said: tuple[int, int], heard: tuple[int, int], added: str
) -> None:
    assert text(after_seam([Guess("no", *said, 0.9)], [Guess("no", *heard, 0.9)], CUT_MS, SEAM_MS)) == added


def test_where_nothing_was_said_before_everything_is_new() -> None:
    assert text(after_seam([], spoken("at the office", 9500), CUT_MS, SEAM_MS)) == "at the office"
