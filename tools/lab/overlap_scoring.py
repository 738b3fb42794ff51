"""How well a diarization does where people talk at the same time; pure counting on a grid of 10 ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speakerline.tools.lab.scoring import grids, match
from speakerline.tools.score.rttm import Segment


@dataclass(frozen=True)
class OverlapScore:
    """Seconds in the stretches that were scored; speech counts once for each person who speaks.

    missed: nobody was output for it; wrong: somebody else was; extra: more people were output than speak.
    given: speech that went to the right person."""

    speech_s: float
    missed_s: float
    wrong_s: float
    extra_s: float
    given_s: float

    @property
    def error(self) -> float:
        """Diarization error rate in percent, collar 0."""
        return 100 * (self.missed_s + self.wrong_s + self.extra_s) / max(self.speech_s, 1e-9)

    @property
    def attribution(self) -> float:
        """Share of the speech that went to the right person, in percent."""
        return 100 * self.given_s / max(self.speech_s, 1e-9)

    def __add__(self, other: OverlapScore) -> OverlapScore:
        return OverlapScore(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


NOTHING = OverlapScore(0.0, 0.0, 0.0, 0.0, 0.0)


def score_overlaps(
    truth: Sequence[Segment], found: Sequence[Segment], until_s: float
) -> tuple[OverlapScore, OverlapScore]:
    """(in reference overlaps, everywhere) of one recording; people are matched over the whole of it."""
    names, given = grids(truth, until_s), grids(found, until_s)
    mapping = match(names, given)
    speaking = np.array(list(names.values()))
    mapped = np.array(
        [
            np.any([given[f] for f, t in mapping.items() if t == name] or [row * False], axis=0)
            for name, row in names.items()
        ]
    )
    everyone = np.array(list(given.values())) if given else np.zeros((1, speaking.shape[1]), np.bool_)
    count, output, right = speaking.sum(0), everyone.sum(0), (speaking & mapped).sum(0)

    def within(frames: NDArray[np.bool_]) -> OverlapScore:
        n, o, r = count[frames], output[frames], right[frames]
        sums = n.sum(), np.maximum(n - o, 0).sum(), (np.minimum(n, o) - r).sum(), np.maximum(o - n, 0).sum(), r.sum()
        return OverlapScore(*(float(value) / 100 for value in sums))

    return within(count >= 2), within(count >= 0)
