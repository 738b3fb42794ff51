"""From labelled local voices to the spans in which each speaker talks, by a vote of the windows; pure.

windows    |------------|            an instant is covered by up to five windows;
              |------------|         a speaker is active where at least half of them say so
voices       ###   ####
             ###   ######
instants   | |  |  |   | |           nothing changes between two borders, so only borders are computed

No more speakers are active at once than voices are heard there, on average over the windows: where some windows give a
lone voice to one speaker and as many to another, it is the likelier one's and not an overlap.
"""

from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Bools, Float64s, Indices, Int64s


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
    share: float = 0.5,
) -> Votes:
    """Who is active when, from `from_ms` on: whoever at least `share` of the windows that cover an instant say is; of
    more than voices are heard there, those with the most votes, of equals the surest.

    spans: (n, 2) [start, end) ms of local voices; labels: (n,) the speaker of each; certainty: (n,) of that label;
    windows: (m, 2) what each window covers.
    """
    spans, windows = np.maximum(spans, from_ms), np.maximum(windows, from_ms)
    borders = np.unique(np.concatenate([spans.ravel(), windows.ravel()]))
    everyone = np.zeros(len(windows), np.intp)
    covering = _layers(borders, windows, everyone, np.ones(len(windows)), 1)
    voters = _layers(borders, spans, labels, np.ones(len(spans)), speakers)
    sure = _layers(borders, spans, labels, certainty, speakers)
    active = (voters >= share * covering) & (voters > 0.5) & _among_the_first(voters, sure, covering)
    return Votes(borders, active, sure / np.maximum(voters, 1))


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


def _among_the_first(voters: Float64s, sure: Float64s, covering: Float64s) -> Bools:
    """(n, speakers) who are among as many as there are voices, on average over the windows that cover an instant.

    sure: the sum of the certainties of the votes, which decides where votes are equal."""
    voices = np.ceil(voters.sum(axis=1, keepdims=True) / np.maximum(covering, 1))
    ranked = np.argsort(-(voters + sure / (covering + 1)), axis=1, kind="stable")
    ranks = np.argsort(ranked, axis=1, kind="stable")
    return np.asarray(ranks < voices)


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
