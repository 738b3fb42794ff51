"""Full text without an engine's own opinions: how words are normalised, and what a query asks for. No I/O.

Words and queries are normalised here, before SQLite or PostgreSQL sees them, so that both find the same: case and
accents are dropped, everything that is no letter and no digit separates, and of scripts that are written without blanks
each character is a word of its own.

    refund                  a word             "car light"    words that follow each other
    refu*                   words that begin so     -music    not in the call
    refund cancel           both, anywhere in the call
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.timeline.writing import is_unspaced

LONGEST_QUERY = 500
MOST_PHRASES = 20

_PHRASE = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


class InvalidQuery(SpeakerlineError, ValueError):
    """A full-text query that asks for nothing, or for too much."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other, normalised; with `prefix`, the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False

    def matches(self, words: Sequence[str], at: int) -> bool:
        """Whether these words stand there."""
        end = at + len(self.words)
        found = tuple(words[at:end])
        if not self.prefix:
            return found == self.words
        return found[:-1] == self.words[:-1] and bool(found) and found[-1].startswith(self.words[-1])


@dataclass(frozen=True, slots=True)
class Query:
    """A call matches that has all of `wanted` and none of `unwanted`."""

    wanted: tuple[Phrase, ...]
    unwanted: tuple[Phrase, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Query":
        """What somebody typed. Raises InvalidQuery where it asks for no word."""
        if len(text) > LONGEST_QUERY:
            raise InvalidQuery(f"query of {len(text)} characters: expected at most {LONGEST_QUERY}")
        wanted: list[Phrase] = []
        unwanted: list[Phrase] = []
        for minus, quoted, bare in _PHRASE.findall(text):
            if words := tuple(normalised(quoted or bare)):
                (unwanted if minus else wanted).append(Phrase(words, bare.endswith("*")))
        if not wanted:
            raise InvalidQuery(f"query {text[:40]!r}: expected a word to look for")
        if len(wanted) + len(unwanted) > MOST_PHRASES:
            raise InvalidQuery(f"query of {len(wanted) + len(unwanted)} words: expected at most {MOST_PHRASES}")
        return cls(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)))

    def in_fts5(self) -> str:
        """As an expression of SQLite's FTS5, for a column `text`."""

        def phrase(one: Phrase) -> str:
            return f'"{" ".join(one.words)}"{" *" if one.prefix else ""}'

        wanted = " AND ".join(map(phrase, self.wanted))
        unwanted = "".join(f" NOT {phrase(one)}" for one in self.unwanted)
        return f"({wanted}){unwanted}"

    def in_tsquery(self) -> str:
        """As PostgreSQL's `to_tsquery` takes it; the words have letters and digits alone."""

        def phrase(one: Phrase) -> str:
            return f"({' <-> '.join(one.words)}{':*' if one.prefix else ''})"

        return " & ".join([*map(phrase, self.wanted), *(f"!{phrase(one)}" for one in self.unwanted)])


def normalised(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    return [word for part in text.split() for word in _words(part)]


@lru_cache(maxsize=65_536)
def _words(part: str) -> tuple[str, ...]:
    plain = "".join(_letters(unicodedata.normalize("NFKD", part.casefold())))
    return tuple(_split_unspaced(plain.casefold().split()))


def _letters(text: str) -> Iterator[str]:
    """Letters and digits; a blank for what separates, nothing for accents and for apostrophes within a word."""
    for character in text:
        if character.isalnum():
            yield character
        elif unicodedata.category(character)[0] not in "MC" and character not in "'’":
            yield " "


def _split_unspaced(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if is_unspaced(word):
            yield from word
        else:
            yield word
