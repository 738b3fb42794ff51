"""What of a call shows that it was found: a few words around each hit, with their times. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speakerline.shared.archive.words import Query, normalised
from speakerline.shared.timeline.writing import blank_between

AROUND = 6
"""Words before and after a hit."""
MOST = 3
"""Snippets of a call."""


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a call, as its transcript has it."""

    text: str
    start_ms: int
    end_ms: int
    speaker_id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet; `hit`: it was looked for. `start_ms`: when its first word begins."""

    text: str
    hit: bool
    start_ms: int


@dataclass(frozen=True, slots=True)
class Snippet:
    """Words that follow each other; the texts of the pieces, one after the other, are the whole."""

    speaker_id: str
    """Of the first word that was looked for."""
    start_ms: int
    """When that word begins."""
    pieces: list[Piece]


def snippets(transcripts: Iterable[Sequence[Said]], query: Query) -> list[Snippet]:
    """Of the first transcripts in which something is found, MOST at most."""
    found: list[Snippet] = []
    for words in transcripts:
        if len(found) == MOST:
            break
        if hits := _hits(words, query):
            found.append(_snippet(words, hits))
    return found


def _hits(words: Sequence[Said], query: Query) -> list[int]:
    """The numbers of the words that were looked for, in order."""
    plain: list[str] = []
    number_of: list[int] = []
    for number, word in enumerate(words):
        parts = normalised(word.text)
        plain += parts
        number_of += [number] * len(parts)
    hits = {
        number_of[at + offset]
        for phrase in query.wanted
        for at in range(len(plain) - len(phrase.words) + 1)
        if phrase.matches(plain, at)
        for offset in range(len(phrase.words))
    }
    return sorted(hits)


def _snippet(words: Sequence[Said], hits: Sequence[int]) -> Snippet:
    first = words[hits[0]]
    shown = range(max(0, hits[0] - AROUND), min(len(words), hits[0] + AROUND + 1))
    pieces: list[Piece] = []
    before = ""
    for number in shown:
        word, hit = words[number], number in hits
        text = (blank_between(before, word.text) if before else "") + word.text
        if pieces and pieces[-1].hit == hit:
            pieces[-1] = Piece(pieces[-1].text + text, hit, pieces[-1].start_ms)
        else:
            pieces.append(Piece(text, hit, word.start_ms))
        before = word.text
    return Snippet(first.speaker_id, first.start_ms, pieces)
