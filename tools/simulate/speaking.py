"""The utterances of one person in a row, from which turns are filled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.tools.simulate.transcripts import words_beside

Placed = tuple[str, float, float]
"""A word with its start and end in seconds of the call."""


@dataclass(frozen=True, slots=True)
class Supply:
    """samples: the utterances in a row. words: (text, first sample, end), None where an utterance has no transcript."""

    samples: Float32s
    words: list[tuple[str, int, int]] | None

    @classmethod
    def of(cls, files: Sequence[Path], rate: int, read: Callable[[Path], Float32s]) -> "Supply":
        """In the order of the files."""
        samples, words, known, at = [], list[tuple[str, int, int]](), True, 0
        for path in files:
            samples.append(read(path))
            spoken = words_beside(path)
            known = known and spoken is not None
            words += [(text, at + int(start * rate), at + int(end * rate)) for text, start, end in spoken or ()]
            at += len(samples[-1])
        return cls(np.concatenate(samples), words if known else None)

    def whole_words(self, end: int) -> int:
        """Where to stop instead of at sample `end`, so that no word is cut."""
        return next((until for _, start, until in self.words or () if start < end < until), end)

    def placed(self, start: int, end: int, at: int, rate: int) -> list[Placed]:
        """Words whose middle lies in [start, end), when that piece begins at sample `at` of the call."""
        return [
            (text, max(at, at + first - start) / rate, (at + min(until, end) - start) / rate)
            for text, first, until in self.words or ()
            if start <= (first + until) / 2 < end
        ]
