"""From labelled local voices to the spans in which each speaker talks, by a vote of the windows; pure.

windows    |------------|            an instant is covered by up to five windows, which vote on
              |------------|         how many speak (all of them alike), and who (the recent part of a window counts
voices       ###   ####              in full, what came before it little, for a voiceprint is of the last seconds)
             ###   ######
instants   | |  |  |   | |           nothing changes between two borders, so only borders are computed

To count the speakers of an instant and then take the likeliest ones is how pyannote.audio does it, too (Bredin,
"pyannote.audio 2.1 speaker diarization pipeline: principle, benchmark, and recipe", Interspeech 2023).
"""

from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Bools, Float64s, Indices, Int64s

EARLIER = 0.25
"""The weight of a window's vote on who speaks before its recent part. With all parts alike, simulated calls of two and
three people have 2 points more DER: where the segmentation takes two people for one, windows disagree."""
ONE_SPEAKS, ANOTHER_SPEAKS = 0.5, 1.4
"""How many voices the windows must hear on average. With 1.5, a point of meetings is missed."""
TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """borders_ms: (n + 1,) ascending. active, certainty: (n, speakers) between two borders; certainty is the voters'
    mean."""

    borders_ms: Int64s
    active: Bools
    certainty: Float64s


def vote(
    spans: Int64s,
    labels: Indices,
    certainty: Float64s,
    windows: Int64s,
    speakers: int,
    from_ms: int = 0,
    recent_ms: Int64s | None = None,
) -> Votes:
    """Who is active when, from `from_ms` on: as many speakers as the windows that cover an instant count there, and
    of those whom they name the ones with most votes, of equals the surest.

    spans: (n, 2) [start, end) ms of local voices; labels: (n,) the speaker of each; certainty: (n,) of that label;
    windows: (m, 2) what each window covers; recent_ms: (n,) where the recent part of each span's window begins, if not
    everything is recent.
    """
    recent = spans if recent_ms is None else np.maximum(spans, recent_ms[:, None])
    spans, recent, windows = (np.maximum(one, from_ms) for one in (spans, recent, windows))
    borders = np.unique(np.concatenate([spans.ravel(), recent.ravel(), windows.ravel()]))
    covering = _layers(borders, windows, np.zeros(len(windows), np.intp), np.ones(len(windows)), 1)

    def layers(weight: Float64s) -> Float64s:
        earlier = EARLIER * _layers(borders, spans, labels, weight, speakers)
        return earlier + (1 - EARLIER) * _layers(borders, recent, labels, weight, speakers)

    voters, named = _layers(borders, spans, labels, np.ones(len(spans)), speakers), layers(np.ones(len(spans)))
    heard = np.minimum(voters, covering).sum(axis=1) / np.maximum(covering[:, 0], 1)
    sure = layers(certainty) / np.where(voters > 0.5, np.maximum(named, EARLIER), 1)
    return Votes(borders, _likeliest(named, sure, _count(heard)), sure)


def _count(heard: Float64s) -> Indices:
    """How many speak where windows hear so many on average: one where half of them do, and another one where two of
    five do."""
    return np.asarray(
        (heard >= ONE_SPEAKS - TINY) + np.floor(np.maximum(heard - ANOTHER_SPEAKS, -1) + 1 + TINY), np.intp
    )


def _likeliest(named: Float64s, sure: Float64s, count: Indices) -> Bools:
    """(n, speakers): of those with votes (n, speakers) the `count` (n,) with most, of equals the surest."""
    some: Bools = named > TINY
    active = some & (count > 0)[:, None]
    crowded = np.flatnonzero(active.sum(axis=1) > count)
    order = np.lexsort((-sure[crowded], -np.round(named[crowded], 6)), axis=1)
    rank = np.argsort(order, axis=1, kind="stable")
    active[crowded] &= rank < count[crowded, None]
    return active


def added(
    votes: Votes,
    places: Indices,
    spans: Int64s,
    labels: Indices,
    certainty: Float64s,
    speakers: int,
    from_ms: int,
) -> Votes:
    """The votes with speakers who are surely active in `spans`, whatever the windows say.

    places: the columns of those who are in `votes` among all `speakers`; the rest as in `vote`."""
    spans = np.maximum(spans, from_ms)
    borders = np.unique(np.concatenate([votes.borders_ms, spans.ravel()]))
    before = np.searchsorted(votes.borders_ms, borders[:-1], side="right") - 1
    known = (before >= 0) & (before < len(votes.active))
    active: Bools = np.zeros((len(before), speakers), np.bool_)
    mean: Float64s = np.zeros(active.shape)
    rows = np.flatnonzero(known)
    active[np.ix_(rows, places)] = votes.active[before[rows]]
    mean[np.ix_(rows, places)] = votes.certainty[before[rows]]
    count = _layers(borders, spans, labels, np.ones(len(spans)), speakers)
    sure = _layers(borders, spans, labels, certainty, speakers) / np.maximum(count, 1)
    new = (count > 0.5) & ~active
    return Votes(borders, active | new, np.where(new, sure, mean))


def runs(votes: Votes, speaker: int, gap_ms: int) -> list[tuple[int, int, float]]:
    """A speaker's spans (start_ms, end_ms, mean certainty); gaps shorter than gap_ms are filled."""
    active = votes.active[:, speaker]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    if not len(first):
        return []
    starts, ends = votes.borders_ms[first], votes.borders_ms[last]
    parted = starts[1:] - ends[:-1] >= gap_ms
    opens, closes = np.concatenate([[True], parted]), np.concatenate([parted, [True]])
    spoken = np.where(active, np.diff(votes.borders_ms), 0)
    count = np.concatenate([[0], np.cumsum(spoken)])
    total = np.concatenate([[0.0], np.cumsum(spoken * votes.certainty[:, speaker])])
    first, last = first[opens], last[closes]
    mean = (total[last] - total[first]) / (count[last] - count[first])
    return list(zip(starts[opens].tolist(), ends[closes].tolist(), mean.tolist(), strict=True))


def _layers(
    borders: Int64s,
    spans: Int64s,
    layer: Indices,
    weight: Float64s,
    layers: int,
) -> Float64s:
    """(n, layers) total weight of the spans of each layer that cover the time between two borders."""
    places, size = np.searchsorted(borders, spans), len(borders) * layers
    steps = np.bincount(places[:, 0] * layers + layer, weight, size)
    steps -= np.bincount(places[:, 1] * layers + layer, weight, size)
    return np.asarray(np.cumsum(steps.reshape(-1, layers), axis=0)[:-1])
