"""Derives an embedder's calibration from calls whose speakers are known (simulated or labelled).

    fit calls   ──tracklets──> prior mean ──> projection (LDA)          what a voice is
    held calls  ──tracklets──> clusters as the clusterer joins them ──> merge weights (logistic)      when two are one
Held calls must have other speakers than the fit calls: the projection flatters the voices it was made from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.linalg import eigh

from speakerline.services.clustering.channel import tracks_of
from speakerline.services.clustering.evidence import features
from speakerline.services.clustering.history import History
from speakerline.services.clustering.partition import SEED_S, Tracks, joined, pair_evidence, seeds
from speakerline.services.clustering.tracklets import shared_ms
from speakerline.shared.arrays import Bools, Float32s, Float64s
from speakerline.shared.contract.v1 import VoiceWindow
from speakerline.shared.voiceprints.calibration import Calibration, unit
from speakerline.shared.voiceprints.vectors import decode_vector
from speakerline.tools.score.files import Labels
from speakerline.tools.score.labelled import LabelledCall

DIRECTIONS = 64
SHRINKAGE = 1.0
"""Share of the mean within-speaker variance added to every direction, against too little data."""
PURITY = 0.7
"""A voice belongs to a speaker who speaks in so much of it."""
PREFIXES_S = (6, 10, 15, 20, 30, 60, 90, 240)
"""The merge decision is learned on calls of every age."""
KNOWN_S = 4.0
"""Enrolled voices are compared with speakers of at least so much speech: the same is asked of the examples."""
LabelledWindows = tuple[LabelledCall, list[VoiceWindow]]


def calibrate_windows(name: str, fit: Sequence[LabelledWindows], held: Sequence[LabelledWindows]) -> Calibration:
    """The calibration of an embedder from two sets of single-channel calls with different speakers, as the embedding
    stage analysed them."""
    calls = _labelled(fit)
    if len(calls) < 2:
        raise ValueError(f"a calibration needs at least two fit calls with voices, got {len(calls)}")
    prior = np.mean([_spoken(history).mean(axis=0) for history, _ in calls], axis=0)
    size = len(prior)
    unprojected = Calibration(
        name,
        prior.astype(np.float32),
        np.eye(size, dtype=np.float32),
        np.ones(size, np.float32),
        np.zeros(4),
        np.zeros(2),
    )
    projection, between = discriminant(calls, unprojected)
    projected = replace(unprojected, projection=projection, between=between)
    inputs, same = merge_examples(held, projected)
    merge = logistic(inputs, same)
    heavy = inputs[:, 2] >= np.log(KNOWN_S)
    heavy = heavy if 0 < same[heavy].sum() < heavy.sum() else np.ones_like(heavy)
    cosine = logistic(inputs[heavy, :2], same[heavy])
    known = np.array([-cosine[0] / max(cosine[1], 1e-6), cosine[1]])
    return replace(projected, merge=merge, known=known)


def remember(windows: Sequence[VoiceWindow], until_ms: float = np.inf) -> History | None:
    """The history of a call as the clusterer would have it; None without a single voiceprint."""
    sizes = [len(decode_vector(voice.voiceprint)) for window in windows for voice in window.voices if voice.voiceprint]
    if not sizes:
        return None
    history = History(sizes[0])
    for window in windows:
        if window.end_ms <= until_ms:
            history.append(window)
    return history if any(history.mass_s) else None


def true_speakers(history: History, truth: Labels) -> list[str]:
    """The true speaker of every tracklet, '' where it is mixed or nobody's."""
    seconds: list[dict[str, float]] = [{} for _ in range(history.tracklets)]
    for one in history.retained:
        for voice, tracklet in zip(one.window.voices, one.tracklets, strict=True):
            spoken = _spoken_by(voice.spans_ms, truth)
            total = sum(voice.spans_ms[1::2]) - sum(voice.spans_ms[::2])
            for speaker, ms in spoken.items():
                if ms >= PURITY * total:
                    own = seconds[tracklet - history.first_tracklet]
                    own[speaker] = own.get(speaker, 0.0) + ms
    return [max(sorted(own), key=own.__getitem__) if own else "" for own in seconds]


def discriminant(calls: Sequence[tuple[History, list[str]]], centring: Calibration) -> tuple[Float32s, Float32s]:
    """Projection (D, d) and between-speaker variances (d,): linear discriminant analysis, directions scaled by
    reliability."""
    within: Float64s = np.zeros((centring.size, centring.size))
    between: Float64s = np.zeros_like(within)
    tracklets = speakers = 0
    for history, names in calls:
        mass, means = np.array(history.mass_s), history.means()
        placed = unit(unit(means) - centring.centre(means, mass))
        for name in sorted(set(names) - {""}):
            own = placed[[at for at, n in enumerate(names) if n == name and mass[at] > 0.4]]
            if len(own) >= 3:
                centre = own.mean(axis=0)
                within += (own - centre).T @ (own - centre) * len(own) / (len(own) - 1)
                between += np.outer(centre, centre)
                tracklets, speakers = tracklets + len(own), speakers + 1
    if not speakers:
        raise ValueError("no speaker of the fit calls has three tracklets; give longer or more calls")
    within /= tracklets
    between = between / speakers - within * speakers / tracklets
    loaded = within + np.eye(len(within)) * np.trace(within) / len(within) * SHRINKAGE
    values, vectors = eigh(between, loaded)
    values, vectors = np.maximum(values[::-1][:DIRECTIONS], 0), vectors[:, ::-1][:, :DIRECTIONS]
    return (vectors * np.sqrt(values / (values + 1))).astype(np.float32), values.astype(np.float32)


def merge_examples(held: Sequence[LabelledWindows], calibration: Calibration) -> tuple[Float64s, Bools]:
    """Inputs (n, 4) and answers (n,) of the decisions that the clusterer meets, on calls of every age.

    The clusters are joined as the clusterer does it, likeliest pair first, but only where the truth agrees; every
    pair that was looked at is an example.
    """
    inputs: list[Float64s] = []
    same: list[bool] = []
    for call, windows in held:
        for prefix_s in PREFIXES_S:
            history = remember(windows, prefix_s * 1000)
            if history is not None:
                tracks, _ = tracks_of(history, calibration)
                names = true_speakers(history, call.truth)
                for example, answer in _decisions(tracks, names):
                    inputs.append(example)
                    same.append(answer)
    if not any(same) or all(same):
        raise ValueError("the held calls must hold pairs of clusters of one person and of two; give more calls")
    return np.array(inputs), np.array(same)


def logistic(inputs: Float64s, answers: Bools) -> Float64s:
    """Logistic regression weights; the first input is the constant."""
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression(fit_intercept=False, C=100.0).fit(inputs, answers).coef_[0])


def _decisions(tracks: Tracks, names: list[str]) -> Iterator[tuple[Float64s, bool]]:
    labels = seeds(tracks, SEED_S)
    apart: set[tuple[frozenset[int], frozenset[int]]] = set()
    while labels.max(initial=-1) > 0:
        cosine, lighter_s, beside, windows = pair_evidence(tracks, labels)
        pairs = features(cosine, lighter_s, beside, windows)
        owners = [_owner(names, tracks.mass_s, labels == k) for k in range(len(cosine))]
        members = [frozenset(np.flatnonzero(labels == k).tolist()) for k in range(len(cosine))]
        liking = cosine - 0.3 * np.clip(beside / np.maximum(windows, 1), 0, 1)
        order = [divmod(int(at), len(cosine)) for at in np.argsort(-liking, axis=None, kind="stable")]
        for one, other in order:
            if one >= other or (members[one], members[other]) in apart:
                continue
            known = bool(owners[one] and owners[other])
            if known:
                yield pairs[one, other], owners[one] == owners[other]
            if not known or owners[one] == owners[other]:
                labels = joined(labels, one, other)
                break
            apart.add((members[one], members[other]))
        else:
            return


def _owner(names: list[str], mass_s: Float64s, mine: Bools) -> str:
    """The speaker of a cluster, '' where it is mixed."""
    seconds: dict[str, float] = {}
    for at in np.flatnonzero(mine):
        if names[at]:
            seconds[names[at]] = seconds.get(names[at], 0.0) + mass_s[at]
    best = max(sorted(seconds), key=seconds.__getitem__, default="")
    return best if best and seconds[best] >= 0.8 * sum(seconds.values()) else ""


def _spoken_by(spans_ms: Sequence[int], truth: Labels) -> dict[str, float]:
    found: dict[str, float] = {}
    for speaker, spoken in truth.items():
        both = shared_ms(spans_ms, [edge for span in spoken for edge in span])
        if both:
            found[speaker] = both
    return found


def _labelled(calls: Sequence[LabelledWindows]) -> list[tuple[History, list[str]]]:
    histories = [(remember(windows), call.truth) for call, windows in calls]
    return [(history, true_speakers(history, truth)) for history, truth in histories if history is not None]


def _spoken(history: History) -> Float64s:
    """Unit mean voiceprints of the tracklets that have one."""
    means = history.means()
    return unit(means[means.any(axis=1)])
