"""How many words are wrong: WER, and cpWER, which also asks who said them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Of an alignment with the fewest errors."""

    words: int
    """Of the reference."""
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over words of the reference: may exceed 1."""
        return self.errors / self.words if self.words else float(self.errors > 0)

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True, slots=True)
class SpeakerWordErrors:
    """Concatenated minimum-permutation word errors."""

    errors: WordErrors
    mapping: Mapping[str, str]
    """Speakers of the hypothesis to those of the reference; who is left over on either side is missing."""


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Levenshtein distance of words, by jiwer."""
    if not reference or not hypothesis:
        return WordErrors(len(reference), 0, len(reference), len(hypothesis))
    import jiwer

    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return WordErrors(len(reference), found.substitutions, found.deletions, found.insertions)


def speaker_word_errors(
    reference: Mapping[str, Sequence[str]], hypothesis: Mapping[str, Sequence[str]]
) -> SpeakerWordErrors:
    """cpWER (Watanabe et al., "CHiME-6 challenge", 2020): all that each speaker said in a row, one-to-one with those
    speakers of the other side that make the fewest errors. Words of a speaker without a partner are all deletions,
    or all insertions."""
    ours, theirs = list(hypothesis), list(reference)
    size = max(len(ours), len(theirs))
    if not size:
        return SpeakerWordErrors(WordErrors(0, 0, 0, 0), {})
    true = [reference[who] for who in theirs] + [()] * (size - len(theirs))
    said = [hypothesis[who] for who in ours] + [()] * (size - len(ours))
    made = [[word_errors(one, other) for other in said] for one in true]
    rows, columns = linear_sum_assignment(np.array([[one.errors for one in row] for row in made]))
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    total = sum((made[row][column] for row, column in pairs), WordErrors(0, 0, 0, 0))
    matched = ((row, column) for row, column in pairs if row < len(theirs) and column < len(ours))
    return SpeakerWordErrors(total, {ours[column]: theirs[row] for row, column in matched})
