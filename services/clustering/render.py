"""From labelled local voices to each speaker's stretches of speech, by a vote of the windows that heard each instant;
pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20


@dataclass(frozen=True, eq=False)
class Votes:
    """first_ms: time of the first frame. active: (frames, speakers). certainty: (frames, speakers) mean of the
    voters'."""

    first_ms: int
    active: NDArray[np.bool_]
    certainty: NDArray[np.float64]


def vote(
    spans: NDArray[np.int64],
    labels: NDArray[np.intp],
    certainty: NDArray[np.float64],
    windows: NDArray[np.int64],
    speakers: int,
    share: float = 0.5,
) -> Votes:
    """Who is active in each 20 ms frame: whoever at least `share` of the windows that heard the frame say is.

    spans: (n, 2) [start, end) ms of local voices; labels: (n,) the speaker of each; certainty: (n,) of that label;
    windows: (m, 2) what each window heard, m >= 1.
    """
    first = int(windows[:, 0].min()) // FRAME_MS
    count = int(-(-windows[:, 1].max() // FRAME_MS)) - first
    heard = _layers(windows, np.zeros(len(windows), np.intp), np.ones(len(windows)), first, count, 1)
    voters = _layers(spans, labels, np.ones(len(spans)), first, count, speakers)
    sure = _layers(spans, labels, certainty, first, count, speakers)
    return Votes(first * FRAME_MS, (voters >= share * heard) & (voters > 0.5), sure / np.maximum(voters, 1))


def runs(votes: Votes, speaker: int, gap_ms: int) -> list[tuple[int, int, float]]:
    """A speaker's stretches (start_ms, end_ms, mean certainty); gaps shorter than gap_ms are filled."""
    active = votes.active[:, speaker]
    borders = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    starts, ends = borders[::2], borders[1::2]
    if not len(starts):
        return []
    parted = (starts[1:] - ends[:-1]) * FRAME_MS >= gap_ms
    starts, ends = starts[np.concatenate([[True], parted])], ends[np.concatenate([parted, [True]])]
    count = np.concatenate([[0], np.cumsum(active)])
    total = np.concatenate([[0.0], np.cumsum(np.where(active, votes.certainty[:, speaker], 0.0))])
    mean = (total[ends] - total[starts]) / np.maximum(count[ends] - count[starts], 1)
    to_ms = votes.first_ms
    return list(
        zip((starts * FRAME_MS + to_ms).tolist(), (ends * FRAME_MS + to_ms).tolist(), mean.tolist(), strict=True)
    )


def _layers(
    spans: NDArray[np.int64],
    layer: NDArray[np.intp],
    weight: NDArray[np.float64],
    first: int,
    count: int,
    layers: int,
) -> NDArray[np.float64]:
    """(count, layers) total weight of the spans of each layer that cover each frame."""
    frames = np.clip((spans + FRAME_MS // 2) // FRAME_MS - first, 0, count)
    size = (count + 1) * layers
    steps = np.bincount(frames[:, 0] * layers + layer, weight, size)
    steps -= np.bincount(frames[:, 1] * layers + layer, weight, size)
    return np.asarray(np.cumsum(steps.reshape(-1, layers), axis=0)[:count])
