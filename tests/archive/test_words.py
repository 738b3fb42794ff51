"""How words are compared, what queries ask for, and what is shown of a hit."""

import pytest

from speakerline.shared.archive.snippets import AROUND, MOST, Said, snippets
from speakerline.shared.archive.words import MOST_PHRASES, InvalidQuery, Phrase, Query, normalised


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Hello, World!", ["hello", "world"], id="case and punctuation do not count"),
        pytest.param("Café naïve Ångström", ["cafe", "naive", "angstrom"], id="nor do accents"),
        pytest.param("don't don’t", ["dont", "dont"], id="an apostrophe does not separate"),
        pytest.param("e-mail 3.50", ["e", "mail", "3", "50"], id="other signs do"),
        pytest.param("STRASSE straße", ["strasse", "strasse"], id="sharp s is two"),
        pytest.param("你好吗", ["你", "好", "吗"], id="scripts without blanks are read by the character"),
        pytest.param("مُحَمَّد", ["محمد"], id="vowel signs of Arabic are accents"),
        pytest.param("हिन्दी", ["हनद"], id="those of Hindi, too, in words and queries alike"),
        pytest.param("-- ... \0", [], id="signs alone are no word"),
    ],
)
def test_normalised(text: str, words: list[str]) -> None:
    assert normalised(text) == words


def test_a_query_is_read_as_it_was_meant() -> None:
    query = Query.read('Refund "car light" -music refu* -"bad line" don\'t')
    phrases = (("refund",), ("car", "light"))
    assert query.wanted == (*map(Phrase, phrases), Phrase(("refu",), True), Phrase(("dont",)))
    assert query.unwanted == (Phrase(("music",)), Phrase(("bad", "line")))
    assert query.in_fts5() == '("refund" AND "car light" AND "refu" * AND "dont") NOT "music" NOT "bad line"'
    assert query.in_tsquery() == "(refund) & (car <-> light) & (refu:*) & (dont) & !(music) & !(bad <-> line)"


@pytest.mark.parametrize("text", ["", "  ", "-music", '"', "*", "...", "a " * (MOST_PHRASES + 1) + "b", "x" * 501])
def test_a_query_that_asks_for_nothing_or_too_much_is_refused(text: str) -> None:
    many = " ".join(f"w{number}" for number in range(MOST_PHRASES + 1))
    with pytest.raises(InvalidQuery, match="expected"):
        Query.read(many if text.startswith("a ") else text)


def said(text: str) -> list[Said]:
    return [Said(word, 100 * at, 100 * at + 90, f"S{at}") for at, word in enumerate(text.split())]


def test_a_snippet_has_the_words_around_and_when_they_were_said() -> None:
    (found,) = snippets([said("one two three Car, light four")], Query.read('"car light"'))
    assert [(piece.text, piece.hit, piece.start_ms) for piece in found.pieces] == [
        ("one two three", False, 0),
        (" Car, light", True, 300),
        (" four", False, 500),
    ]
    assert (found.start_ms, found.speaker_id) == (300, "S3")


def test_a_snippet_is_short_and_there_are_few() -> None:
    long = said(" ".join(["x"] * 50 + ["refund"] + ["y"] * 50))
    found = snippets([long] * 10, Query.read("refun*"))
    assert len(found) == MOST
    assert len("".join(piece.text for piece in found[0].pieces).split()) == 2 * AROUND + 1


def test_a_snippet_of_a_script_without_blanks_is_written_without() -> None:
    (found,) = snippets([said("你 好 吗")], Query.read("好吗"))
    assert [(piece.text, piece.hit) for piece in found.pieces] == [("你", False), ("好吗", True)]


def test_words_of_a_phrase_that_do_not_follow_each_other_are_no_hit() -> None:
    assert snippets([said("car red light")], Query.read('"car light"')) == []
