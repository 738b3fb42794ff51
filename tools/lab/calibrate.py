"""Derives an embedder's calibration from calls whose speakers are known (simulated or labelled).

calls ──tracklets──> prior mean                                            where voices are looked at from
calls ──tracklets──> clusters as the clusterer joins them ──> merge weights (logistic)      when two are one
calls ──speakers, enrolled voices──> even odds and slope (logistic)                         when a name is given
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from speakerline.services.clustering.evidence import features
from speakerline.services.clustering.history import History
from speakerline.services.clustering.partition import SEED_S, Tracks, joined, pair_evidence, seeds
from speakerline.services.clustering.tracklets import shared_ms
from speakerline.services.clustering.tracks import tracks_of
from speakerline.shared.arrays import Bools, Float64s
from speakerline.shared.contract.v1 import VoiceWindow
from speakerline.shared.voiceprints.calibration import MERGE_WEIGHTS, Calibration, unit
from speakerline.shared.voiceprints.vectors import decode_vector
from speakerline.tools.lab.enrolled import Voices, naming_examples
from speakerline.tools.score.files import Labels
from speakerline.tools.score.labelled import LabelledCall

PURITY = 0.7
"""A voice belongs to a speaker who speaks in so much of it."""
PREFIXES_S = (6, 10, 15, 20, 30, 60, 90, 240)
"""The merge decision is learned on calls of every age."""
KNOWN_S = 4.0
"""Enrolled voices are compared with speakers of at least so much speech: the same is asked of the examples."""
CUT = 0.8
"""Where first clusters are cut: chosen, not learned."""
LabelledWindows = tuple[LabelledCall, list[VoiceWindow]]


def calibrate_windows(
    name: str, calls: Sequence[LabelledWindows], named: Sequence[tuple[Voices, Voices]]
) -> Calibration:
    """The calibration of an embedder from single-channel calls, as the embedding stage analysed them.

    named: of other calls the voices of the speakers, and those enrolled, for `naming_examples`."""
    spoken = [_spoken(history) for history in (remember(windows) for _, windows in calls) if history is not None]
    if len(spoken) < 2:
        raise ValueError(f"a calibration needs at least two calls with voices, got {len(spoken)}")
    prior = np.mean([one.mean(axis=0) for one in spoken], axis=0)
    unlearnt = Calibration(name, prior.astype(np.float32), np.zeros(MERGE_WEIGHTS), np.zeros(2), CUT)
    inputs, same = merge_examples(calls, unlearnt)
    cosines, own = naming_examples(named, unlearnt)
    constant, slope = logistic(np.stack([np.ones_like(cosines), cosines], axis=1), own)
    return replace(unlearnt, merge=logistic(inputs, same), known=np.array([-constant / max(slope, 1e-6), slope]))


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


def voices_of(history: History, truth: Labels) -> dict[str, Float64s]:
    """The people of a call who say KNOWN_S or more, each with the sum of all voiceprints (D,), by seconds."""
    means, mass_s, names = history.means(), np.array(history.mass_s), np.array(true_speakers(history, truth))
    spoken = {name: names == name for name in sorted(truth)}
    return {name: mass_s[own] @ means[own] for name, own in spoken.items() if mass_s[own].sum() >= KNOWN_S}


def merge_examples(calls: Sequence[LabelledWindows], calibration: Calibration) -> tuple[Float64s, Bools]:
    """Inputs (n, 5) and answers (n,) of the decisions that the clusterer meets, on calls of every age.

    The clusters are joined as the clusterer does it, likeliest pair first, but only where the truth agrees; every
    pair that was looked at is an example.
    """
    inputs: list[Float64s] = []
    same: list[bool] = []
    for call, windows in calls:
        for prefix_s in PREFIXES_S:
            history = remember(windows, prefix_s * 1000)
            if history is not None:
                tracks, _ = tracks_of(history, calibration)
                names = true_speakers(history, call.truth)
                for example, answer in _decisions(tracks, names, calibration.cut):
                    inputs.append(example)
                    same.append(answer)
    if not any(same) or all(same):
        raise ValueError("the calls must hold pairs of clusters of one person and of two; give more calls")
    return np.array(inputs), np.array(same)


def logistic(inputs: Float64s, answers: Bools) -> Float64s:
    """Logistic regression weights; the first input is the constant."""
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression(fit_intercept=False, C=100.0).fit(inputs, answers).coef_[0])


def _decisions(tracks: Tracks, names: list[str], cut: float) -> Iterator[tuple[Float64s, bool]]:
    labels = seeds(tracks, cut, SEED_S)
    apart: set[tuple[frozenset[int], frozenset[int]]] = set()
    while labels.max(initial=-1) > 0:
        evidence = pair_evidence(tracks, labels)
        pairs, count = features(evidence), len(evidence.cosine)
        owners = [_owner(names, tracks.mass_s, labels == k) for k in range(count)]
        members = [frozenset(np.flatnonzero(labels == k).tolist()) for k in range(count)]
        liking = evidence.cosine - 0.3 * np.clip(evidence.beside / np.maximum(evidence.windows, 1), 0, 1)
        order = [divmod(int(at), count) for at in np.argsort(-liking, axis=None, kind="stable")]
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


def _spoken(history: History) -> Float64s:
    """Unit mean voiceprints of the tracklets that have one."""
    means = history.means()
    return unit(means[means.any(axis=1)])
