"""CAM++ voiceprints (Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware
Masking", 2023), with the weights of 3D-Speaker for Mandarin and English."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Bools, Float32s, Indices
from speakerline.shared.models.onnx import open_session
from speakerline.shared.voiceprints.calibration import Calibration, load_calibration
from speakerline.shared.voiceprints.fbank import FRAME, HOP, SAMPLE_RATE, fbank
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, frames_at

MODEL_FILE = Path(__file__).with_name("campplus.onnx")
CALIBRATION_FILE = Path(__file__).with_name("campplus_calibration.npz")
MOST_ROWS = 200
"""2 s. The graph is exported for pieces up to this length, in which context-aware masking has one segment."""
FEWEST_ROWS = 10
"""Of a shorter piece, rows are repeated: the pooling needs a few."""
_CENTRES_S = (np.arange((WINDOW_SAMPLES - FRAME) // HOP + 1) * HOP + FRAME / 2) / SAMPLE_RATE


class CamPlusPlus:
    """The default embedder. Of each piece the latest 2 s count: a longer piece costs more and gains little."""

    def __init__(self, model: Path = MODEL_FILE, calibration: Calibration | None = None, threads: int = 1) -> None:
        self._session = open_session(model, threads)
        self._calibration = calibration

    @property
    def calibration(self) -> Calibration:
        """The shipped telephone calibration, unless another was given."""
        if self._calibration is None:
            self._calibration = load_calibration(CALIBRATION_FILE)
        return self._calibration

    def embed(self, pieces: Sequence[tuple[Float32s, Bools]]) -> list[Float32s]:
        """L2-normalised (192,) voiceprints. Pieces of one length, as most are that have 2 s, share a run of the
        model."""
        features = [_features(window, _rows(mask)) for window, mask in pieces]
        alike = sorted(range(len(features)), key=lambda at: len(features[at]))
        vectors: dict[int, Float32s] = {}
        for _, group in groupby(alike, key=lambda at: len(features[at])):
            places = list(group)
            (found,) = self._session.run(None, {"input": np.stack([features[at] for at in places])})
            vectors.update(zip(places, found, strict=True))
        return [_normalised(vectors[at]) for at in range(len(features))]


def _features(window: Float32s, rows: Indices) -> Float32s:
    """(rows, 80)"""
    features = fbank(window, rows)
    return np.asarray(features - features.mean(axis=0), np.float32)


def _normalised(vector: Float32s) -> Float32s:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _rows(mask: Bools) -> Indices:
    """The latest rows of the filter bank whose centres lie in masked frames."""
    if not mask.any():
        raise ValueError("a voiceprint needs at least one frame, the mask has none")
    rows = np.flatnonzero(mask[frames_at(_CENTRES_S)])[-MOST_ROWS:]
    if not len(rows):
        rows = np.array([len(_CENTRES_S) - 1])
    return rows if len(rows) >= FEWEST_ROWS else np.resize(rows, FEWEST_ROWS)
