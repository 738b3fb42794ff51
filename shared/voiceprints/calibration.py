"""What the clusterer must know about an embedder: the distribution of its voiceprints, and thresholds of similarity.

A calibration belongs to one embedder and one kind of audio. It is made by `tools.lab.calibrate` from labelled or
simulated calls and shipped beside the embedder as a small .npz file.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s
from speakerline.shared.models.files import ModelMissing

CALL_HALF_S = 20.0
"""After this many seconds of speech the call's own mean has half of its final weight."""

MERGE_WEIGHTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The numbers of one embedder.

    name: which embedder, for messages.
    prior_mean: (D,) the mean voiceprint of many people, the centre while a call is young.
    merge: (5,) logistic weights of "these two clusters are one person"; see `services.clustering.evidence`.
    known: (2,) even-odds cosine and log odds per unit of cosine of "this speaker is that enrolled voice".
    cut: average-linkage distance (1 - cosine) of the first clusters, low enough to keep people apart.
    """

    name: str
    prior_mean: Float32s
    merge: Float64s
    known: Float64s
    cut: float

    def __post_init__(self) -> None:
        if self.merge.shape != (MERGE_WEIGHTS,):
            raise ValueError(
                f"calibration {self.name!r}: {self.merge.size} merge weights, want {MERGE_WEIGHTS}; "
                "make it anew with `speakerline calibrate`"
            )

    @property
    def size(self) -> int:
        """D, the length of a voiceprint."""
        return int(self.prior_mean.shape[0])

    def centre(self, voiceprints: Float64s, mass_s: Float64s, people: float = 1.0) -> Float64s:
        """Where the voices of this call are looked at from: the prior mean, and the call's own mean as speech comes in.

        What is common to a line must go, but on a call of one dominant voice the call's mean *is* that voice. With k
        people and as much variance between lines as between people, k/(k+1) of the call's mean is the line's
        (posterior mean).
        voiceprints: (n, D); mass_s: (n,) lone seconds; people: how many are surely there.
        """
        some = voiceprints.any(axis=1)
        total = float(mass_s[some].sum())
        if total <= 0:
            return self.prior_mean.astype(np.float64)
        share = people / (people + 1) * total / (total + CALL_HALF_S)
        mean = mass_s[some] @ unit(voiceprints[some]) / total
        return np.asarray((1 - share) * self.prior_mean + share * mean)

    def place(self, voiceprints: Float64s, centre: Float64s) -> Float64s:
        """Voiceprints (n, D) seen from a centre (D,): of unit length, zero where a voiceprint is zero."""
        some = voiceprints.any(axis=1)
        placed: Float64s = np.zeros(voiceprints.shape)
        placed[some] = unit(unit(voiceprints[some]) - centre)
        return placed


def unit(rows: Float64s) -> Float64s:
    """Rows of length one."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9))


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration as .npz (float16 for the mean: its rounding is far below what the data can tell)."""
    np.savez_compressed(
        path,
        name=np.array(calibration.name),
        prior_mean=calibration.prior_mean.astype(np.float16),
        merge=calibration.merge,
        known=calibration.known,
        cut=np.array(calibration.cut),
    )


def load_calibration(path: Path) -> Calibration:
    """Read a calibration. Raises ModelMissing, which says how to make one, for a missing or foreign file."""
    if not path.is_file():
        raise ModelMissing(f"no calibration at {path}; make one with `speakerline calibrate`")
    try:
        return _read_calibration(path)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ModelMissing(f"{path} is no calibration, make one with `speakerline calibrate`: {error}") from error


def _read_calibration(path: Path) -> Calibration:
    with np.load(path, allow_pickle=False) as stored:
        missing = {"name", "prior_mean", "merge", "known", "cut"} - set(stored.files)
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        return Calibration(
            name=str(stored["name"]),
            prior_mean=stored["prior_mean"].astype(np.float32),
            merge=stored["merge"].astype(np.float64),
            known=stored["known"].astype(np.float64),
            cut=float(stored["cut"]),
        )
