"""Clusters tracklets into people; pure and deterministic.

1. Average-linkage clustering of the tracklets' voiceprints, cut so low that nobody is mixed (several clusters a
person). 2. Clusters too light to be a person wait; the others are joined, likeliest pair first, while the evidence
says "one person". 3. Every tracklet goes to the most similar person; voices of the same window lower the similarity.
The means are computed again; this is repeated.
"""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from speakerline.services.clustering.evidence import PairEvidence, same_person_logit
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.told import CERTAIN, Told
from speakerline.shared.arrays import Float64s, Indices
from speakerline.shared.voiceprints.calibration import Calibration


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The tracklets of one channel.

    vectors: (n, d) unit length, zero where there is no voiceprint. mass_s: (n,) lone speech. windows: (n,) how many
    windows it is in, at least one. beside: (n, n) in how many windows two tracklets were different voices, both with
    enough lone speech. followed: (n, n) 1 where one goes on in the other.
    shown: (n,) the speaker number under which it was shown last, or -1.
    """

    vectors: Float64s
    mass_s: Float64s
    windows: Float64s
    beside: Float64s
    followed: Float64s
    shown: Indices


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known about the number of people: exactly `expected`, or at most `maximum`, or nothing."""

    expected: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """labels: (n,) person of each tracklet, -1 where nobody; means: (k, d) unit; mass_s: (k,) lone speech."""

    labels: Indices
    means: Float64s
    mass_s: Float64s
    scores: Float64s


CLOSER = (0.1, 0.2)
"""So much below the calibration's cut are the cuts that are tried where two or more people are known to be there and
fewer clusters were found."""
LONG_S = 40.0
"""So much lone speech must be there before closer cuts are tried: in less, they cut one person in two."""
SEED_S = 0.8
"""Lone speech a first cluster needs."""
FINAL_SHARE = 0.03
"""In the end a person has this share of the lone speech, within SEED_S and `final_mass_s`."""
BESIDE_COST = 0.5
"""Cosine that a tracklet loses with a person who always was another voice of its windows."""
ENOUGH_S = 40.0
"""In so much lone speech as many people as usual have mostly spoken. Where fewer are told apart after that, they are
believed the more readily the longer it lasts."""
KNOWN_LOGIT = 3.0
"""How much more evidence joining needs where more people than that are known to be there."""
PASSES = 2


def partition(
    tracks: Tracks,
    calibration: Calibration,
    settings: ClusterSettings,
    limits: Limits,
    final: bool = False,
    told: Told | None = None,
) -> Partition:
    """People of one channel. `told`: what operators have said of the tracklets."""
    told = told or Told.nothing(len(tracks.mass_s))
    speech_s = float(tracks.mass_s.sum())
    floor = min(settings.final_mass_s, max(SEED_S, FINAL_SHARE * speech_s)) if final else settings.min_mass_s
    sure = (limits.expected or 1) >= 2 and speech_s >= LONG_S
    first = seeds(tracks, calibration.cut, min(SEED_S, floor), 2 if sure else 1)
    clusters = _renumbered(told.seeds(first, tracks.mass_s, tracks.shown))
    for _ in range(2):
        clusters = _join(tracks, clusters, calibration.merge, settings, limits, final, told)
        clusters, scores = _reassign(tracks, _heavy(tracks, clusters, floor, told), told)
    mass = np.array([tracks.mass_s[clusters == k].sum() for k in range(clusters.max(initial=-1) + 1)])
    return Partition(clusters, _means(tracks, clusters), mass, scores)


def seeds(tracks: Tracks, cut: float, floor_s: float, at_least: int = 1) -> Indices:
    """Pure but too many clusters of at least floor_s lone speech; what is in none of them is -1."""
    labels = _heavy(tracks, _over_cluster(tracks, cut), floor_s)
    for closer in CLOSER:
        if _substantial(tracks, labels) < at_least:
            labels = _heavy(tracks, _over_cluster(tracks, cut - closer), floor_s)
    return labels


def _substantial(tracks: Tracks, labels: Indices) -> int:
    """How many clusters have a twentieth of the speech or more."""
    mass = _membership(labels).T @ tracks.mass_s
    return int((mass >= mass.sum() / 20).sum())


def joined(labels: Indices, one: int, other: int) -> Indices:
    """Two clusters made one."""
    return _renumbered(np.where(labels == other, one, labels))


def _over_cluster(tracks: Tracks, cut: float) -> Indices:
    labels = np.full(len(tracks.mass_s), -1, np.intp)
    usable = np.flatnonzero((tracks.mass_s >= 0.3) & tracks.vectors.any(axis=1))
    if len(usable) == 1:
        labels[usable] = 0
    if len(usable) > 1:
        cosine = tracks.vectors[usable] @ tracks.vectors[usable].T
        fewer = np.minimum(tracks.windows[usable][:, None], tracks.windows[usable][None])
        distance = 1 - cosine + tracks.beside[np.ix_(usable, usable)] / fewer
        tree = linkage(squareform(np.maximum(distance, 0), checks=False), "average")
        labels[usable] = fcluster(tree, cut, "distance") - 1
    return labels


def _heavy(tracks: Tracks, labels: Indices, floor_s: float, told: Told | None = None) -> Indices:
    """Keep the clusters of at least floor_s (or the heaviest one alone) and those of persons who are kept, numbered by
    first appearance."""
    count = labels.max(initial=-1) + 1
    if not count:
        return labels
    mass = np.bincount(labels[labels >= 0], tracks.mass_s[labels >= 0], count)
    keep = mass >= floor_s
    keep[int(mass.argmax())] = True
    if told:
        keep |= told.stays(labels, tracks.mass_s, tracks.shown)
    return _renumbered(np.where(keep[labels], labels, -1))


def _join(
    tracks: Tracks, labels: Indices, merge: Float64s, settings: ClusterSettings, limits: Limits, final: bool, told: Told
) -> Indices:
    """Joins what was said to be one, then the likeliest pair, until the evidence, or what is known about the count,
    says stop."""
    fading = ENOUGH_S / max(ENOUGH_S, float(tracks.mass_s.sum()))
    while pairs := told.must_join(labels, tracks.mass_s, tracks.shown):
        labels = joined(labels, *pairs[0])
    while (count := int(labels.max(initial=-1)) + 1) > 1:
        logit = pair_logits(tracks, labels, merge)
        shown = np.array([told.person(one) for one in _shown_as(tracks, labels).tolist()])
        both = (shown[:, None] >= 0) & (shown[None] >= 0)
        logit += settings.stability_logit * both * np.where(shown[:, None] == shown[None], 1, 0 if final else -1)
        target = max(limits.expected or settings.typical_speakers or 0, told.at_least)
        bias = 0.0
        if limits.expected:
            bias = 1e3 if count > target else -KNOWN_LOGIT
        elif settings.typical_speakers:
            bias = settings.crowd_logit if count > target else -settings.typical_logit * fading
        if limits.maximum and count > max(limits.maximum, told.at_least):
            bias = 1e3
        logit[told.forbidden(labels, tracks.mass_s, tracks.shown)] = -np.inf
        logit = np.where(np.triu(np.ones_like(logit), 1) > 0, logit + bias, -np.inf)
        a, b = np.unravel_index(int(logit.argmax()), logit.shape)
        if logit[a, b] <= 0:
            break
        labels = joined(labels, int(a), int(b))
    return labels


def pair_logits(tracks: Tracks, labels: Indices, merge: Float64s) -> Float64s:
    """(k, k) log odds that two clusters are one person."""
    return same_person_logit(merge, pair_evidence(tracks, labels))


def pair_evidence(tracks: Tracks, labels: Indices) -> PairEvidence:
    """What is known about every pair of clusters, each (k, k)."""
    member = _membership(labels)
    means = _means(tracks, labels)
    mass, windows = member.T @ tracks.mass_s, member.T @ tracks.windows
    across = member.T @ tracks.followed @ member
    links = across.sum(axis=1) - np.diag(across) / 2
    return PairEvidence(
        means @ means.T,
        np.minimum(mass[:, None], mass[None]),
        member.T @ tracks.beside @ member,
        np.minimum(windows[:, None], windows[None]),
        across,
        np.minimum(links[:, None], links[None]),
    )


def _reassign(tracks: Tracks, labels: Indices, told: Told) -> tuple[Indices, Float64s]:
    """Each tracklet to its likeliest person. Heavier tracklets go first; other voices of their windows then avoid that
    person."""
    scores = np.zeros((len(labels), labels.max(initial=-1) + 1))
    if not scores.shape[1]:
        return labels, scores
    bound = np.flatnonzero((told.pinned >= 0) & (labels >= 0))
    home = labels[bound]
    has_others = tracks.beside.max(axis=1, initial=0) > 0
    order = [t for t in np.argsort(-tracks.mass_s, kind="stable").tolist() if has_others[t]]
    for _ in range(PASSES):
        scores = tracks.vectors @ _means(tracks, labels).T
        scores[bound, home] = CERTAIN
        persons = labels.tolist()
        beside = tracks.beside @ _membership(labels, scores.shape[1])
        for t in order:
            scores[t] -= BESIDE_COST * np.minimum(beside[t] / tracks.windows[t], 1)
            person = int(scores[t].argmax())
            if person != persons[t]:
                beside[:, person] += tracks.beside[:, t]
                if persons[t] >= 0:
                    beside[:, persons[t]] -= tracks.beside[:, t]
                persons[t] = person
        labels = np.asarray(scores.argmax(axis=1), np.intp)
    return _renumbered(labels), scores[:, list(dict.fromkeys(labels.tolist()))]


def _membership(labels: Indices, count: int | None = None) -> Float64s:
    member = np.zeros((len(labels), labels.max(initial=-1) + 1 if count is None else count))
    known = np.flatnonzero(labels >= 0)
    member[known, labels[known]] = 1
    return member


def _means(tracks: Tracks, labels: Indices) -> Float64s:
    sums = _membership(labels).T @ (tracks.vectors * tracks.mass_s[:, None])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9))


def _shown_as(tracks: Tracks, labels: Indices) -> Indices:
    """The speaker number under which most of each cluster was shown, or -1."""
    found = np.full(labels.max() + 1, -1, np.intp)
    for k in range(len(found)):
        mine = (labels == k) & (tracks.shown >= 0)
        if mine.any():
            found[k] = np.bincount(tracks.shown[mine], tracks.mass_s[mine]).argmax()
    return found


def _renumbered(labels: Indices) -> Indices:
    """The same clusters numbered 0, 1, ... by first appearance."""
    every = labels.tolist()
    ranks = {label: rank for rank, label in enumerate(dict.fromkeys(label for label in every if label >= 0))}
    return np.array([ranks.get(label, -1) for label in every], np.intp)
