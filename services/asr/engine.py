"""The interface of every recogniser: pieces of audio in, words out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from speakerline.shared.arrays import Float32s

RATE = 16000
"""Samples per second of every piece."""

LONGEST_S = 30.0
"""What Whisper sees at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Audio to recognise: `samples` (n,) at 16 kHz, -1 to 1, LONGEST_S at most.

    language: ISO 639-1; empty = the recogniser detects it, if it can. usual: the language of the words before, taken
    where detection is not sure. prompt: the words before, as text. begins: those that it begins with, where they are
    known. fast: an answer soon is worth more than the best one. narrow: as fast a search as words that count allow."""

    samples: Float32s
    language: str = ""
    usual: str = ""
    prompt: str = ""
    begins: str = ""
    fast: bool = False
    narrow: bool = False

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """Times are seconds from the start of the piece; confidence is that the word is right, 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was recognised in one piece, words in order of time.

    `language` is ISO 639-1. `no_speech` is the probability that nobody speaks, 0 if the recogniser does not estimate
    it."""

    words: tuple[RecognisedWord, ...] = ()
    language: str = ""
    no_speech: float = 0.0


class Recogniser(Protocol):
    """A model with its weights loaded. The pieces of a batch do not influence each other."""

    def recognise(self, pieces: Sequence[Piece]) -> list[Recognition]:
        """One answer a piece. Blocking."""
        ...
