"""What Whisper hands over in pieces becomes words, which may be aligned."""

import pytest

from speakerline.services.asr.alignment import with_times
from speakerline.services.asr.engine import RecognisedWord
from speakerline.services.asr.whisper import on_time, whole_words, within
from speakerline.shared.timeline.writing import written


def joined(pieces: list[str]) -> list[RecognisedWord]:
    """A quarter of a second each; later ones are more doubtful."""
    return list(
        whole_words(
            {"word": piece, "tokens": [at], "start": at / 4, "end": 0.25 + at / 4, "probability": 0.9 - at / 100}
            for at, piece in enumerate(pieces)
        )
    )


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        pytest.param([" twenty", "-five", " please."], ["twenty-five", "please."], id="a hyphen"),
        pytest.param([" $1", ",000", " or", " 3", ".5"], ["$1,000", "or", "3.5"], id="numbers"),
        pytest.param([" at", " web", ".de"], ["at", "web.de"], id="a domain"),
        pytest.param([" Est", "-ce", " que", " l", "'appeler"], ["Est-ce", "que", "l'appeler"], id="French"),
        pytest.param(["and", " so", " "], ["and", "so"], id="the first may lack its blank, and blanks are no word"),
        pytest.param(
            ["お", "願", "い", "し", "ます。"], ["お", "願", "い", "し", "ます。"], id="a script without blanks"
        ),
        pytest.param(["100", "0", "円", "AI", "です"], ["1000", "円", "AI", "です"], id="Latin letters within it"),
        pytest.param(["第1", "0", "章"], ["第10", "章"], id="a number that begins in a piece of it"),
        pytest.param(["お", "願", "い", "。"], ["お", "願", "い。"], id="a full stop of its own"),
    ],
)
def test_a_piece_without_a_blank_before_it_belongs_to_the_word_before(pieces: list[str], words: list[str]) -> None:
    assert [word.text for word in joined(pieces)] == words
    assert written(words) == "".join(pieces).strip()


def test_a_blank_between_words_is_no_word_and_no_end() -> None:
    assert [word.text for word in joined([" so", " ", " well"])] == ["so", "well"]


def test_a_word_of_several_pieces_has_their_whole_time_and_the_least_of_their_confidence() -> None:
    (word,) = joined([" twenty", "-", "five"])
    assert word == RecognisedWord("twenty-five", 0.0, 0.75, word.confidence)
    assert word.confidence == pytest.approx(0.88)


def test_words_of_the_attention_are_put_where_they_were_said() -> None:
    assert on_time(RecognisedWord("so", 1.0, 1.5, 0.8)) == RecognisedWord("so", 1.0 - 0.09, 1.5 - 0.09, 0.8)
    assert on_time(RecognisedWord("so", 0.05, 0.08, 0.8)) == RecognisedWord("so", 0.0, 0.0, 0.8)


def test_every_word_has_a_length_and_lies_within_the_piece() -> None:
    words = [(0.0, 0.0), (0.5, 0.75), (0.9, 1.25), (0.99, 0.99), (1.0, 1.25)]
    found = list(within((RecognisedWord("so", start, end, 0.8) for start, end in words), 1.0))
    assert [(word.start_s, word.end_s) for word in found] == [(0.0, 0.06), (0.5, 0.75), (0.9, 1.0), (0.94, 1.0)]


def aligned(*words: str) -> list[dict[str, object]]:
    return [{"word": word, "start": at / 10, "end": at / 10 + 0.05} for at, word in enumerate(words)]


def heard(*words: str) -> list[RecognisedWord]:
    return [RecognisedWord(word, 5.0 + at, 5.5 + at, 0.8) for at, word in enumerate(words)]


@pytest.mark.parametrize("times", [{}, {"start": 1.0}, {"end": 2.0}], ids=str)
def test_aligned_words_come_one_for_one_where_there_are_blanks(times: dict[str, float]) -> None:
    found = with_times(heard("so", "well"), [*aligned("so"), {"word": "well", **times}])
    assert found == (RecognisedWord("so", 0.0, 0.05, 0.8), RecognisedWord("well", 6.0, 6.5, 0.8)), "one has no time"


def test_single_characters_are_put_together_where_there_are_none() -> None:
    found = with_times(heard("你好，", "王"), aligned("你", "好", "，", "王"))
    assert found is not None
    assert [(word.text, word.start_s, word.end_s) for word in found] == [("你好，", 0.0, 0.25), ("王", 0.3, 0.35)]


@pytest.mark.parametrize("found", [aligned("so"), aligned("so", "we", "ll", "then"), aligned("so", "will")])
def test_other_words_are_not_taken(found: list[dict[str, object]]) -> None:
    assert with_times(heard("so", "well"), found) is None
