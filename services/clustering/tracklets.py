"""Joins the local voices of neighbouring windows into tracklets; pure.

Neighbouring windows share most of their sound, so a voice of one and a voice of the next that are active in the same
milliseconds are the same person. A tracklet is such a chain, at most MAX_WINDOWS long: one wrong link then harms only
some seconds, and the mean of its voiceprints is far steadier than one.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from speakerline.shared.arrays import Float64s

Spans = Sequence[int]
MIN_SHARED_MS = 300
MIN_AGREEMENT = 0.8
MAX_WINDOWS = 2


def shared_ms(one: Spans, other: Spans, from_ms: int = 0, to_ms: int = 2**40) -> int:
    """How long two span lists (start, end, start, end, ...) are active together within [from_ms, to_ms)."""
    total = 0
    for a, b in zip(one[::2], one[1::2], strict=True):
        for c, d in zip(other[::2], other[1::2], strict=True):
            total += max(0, min(b, d, to_ms) - max(a, c, from_ms))
    return total


def active_ms(spans: Spans, from_ms: int = 0, to_ms: int = 2**40) -> int:
    """How long a span list is active within [from_ms, to_ms)."""
    return sum(max(0, min(b, to_ms) - max(a, from_ms)) for a, b in zip(spans[::2], spans[1::2], strict=True))


def link(before: Sequence[Spans], after: Sequence[Spans], from_ms: int, to_ms: int) -> list[int]:
    """For each voice of `after` the index of the same voice in `before`, or -1.

    [from_ms, to_ms) is covered by both windows. Voices agree when they are active together for MIN_SHARED_MS and for
    MIN_AGREEMENT of the time in which either is.
    """
    links = [-1] * len(after)
    agreement: Float64s = np.zeros((len(before), len(after)))
    for i, old in enumerate(before):
        for j, new in enumerate(after):
            both = shared_ms(old, new, from_ms, to_ms)
            either = active_ms(old, from_ms, to_ms) + active_ms(new, from_ms, to_ms) - both
            agreement[i, j] = both / either if both >= MIN_SHARED_MS else 0.0
    for i, j in zip(*linear_sum_assignment(-agreement), strict=True):
        if agreement[i, j] >= MIN_AGREEMENT:
            links[j] = int(i)
    return links
