"""GE2E voiceprints (Wan et al., "Generalized end-to-end loss for speaker verification", 2018) with Resemblyzer's
weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Bools, Float32s, Indices
from speakerline.shared.models.prepare import ge2e_model, open_session
from speakerline.shared.voiceprints.calibration import Calibration, load_calibration
from speakerline.shared.voiceprints.mel import HOP, mel_rows
from speakerline.shared.voiceprints.rows import mask_rows

PARTIAL_ROWS = 160
"""1.6 s of 10 ms mel rows: the length the network was trained on."""
TARGET_DBFS = -30.0
"""Its mel is linear power, so level matters: Resemblyzer scales speech to this level."""
CALIBRATION_FILE = Path(__file__).with_name("ge2e_calibration.npz")


class Ge2e:
    """The default embedder: 2 ms of one core per 1.6 s of speech when batched.

    max_partials bounds the work for one piece: of a longer piece only the latest max_partials * 1.6 s are used. With 2
    instead of 1 the final labels of a real call were better by 0.3 points of DER for 1.7 ms more per second of speech.
    """

    def __init__(
        self,
        model: Path | None = None,
        calibration: Calibration | None = None,
        threads: int = 1,
        max_partials: int = 2,
        max_batch: int = 16,
    ) -> None:
        self._session = open_session(model or ge2e_model(), threads)
        self._input = self._session.get_inputs()[0].name
        self._calibration = calibration
        self._max_partials = max_partials
        self._max_batch = max_batch

    @property
    def calibration(self) -> Calibration:
        """The shipped telephone calibration, unless another was given."""
        if self._calibration is None:
            self._calibration = load_calibration(CALIBRATION_FILE)
        return self._calibration

    def embed(self, pieces: Sequence[tuple[Float32s, Bools]]) -> list[Float32s]:
        """L2-normalised (256,) voiceprints; pieces under 1.6 s are tiled, never padded with zeros."""
        partials = [self._partials(window, mask) for window, mask in pieces]
        if not partials:
            return []
        stacked = np.concatenate(partials)
        embedded = np.concatenate(
            [
                self._session.run(None, {self._input: stacked[at : at + self._max_batch]})[0]
                for at in range(0, len(stacked), self._max_batch)
            ]
        )
        voiceprints, at = [], 0
        for part in partials:
            mean = embedded[at : at + len(part)].mean(axis=0)
            voiceprints.append(np.asarray(mean / np.linalg.norm(mean), np.float32))
            at += len(part)
        return voiceprints

    def _partials(self, window: Float32s, mask: Bools) -> Float32s:
        rows = mask_rows(mask)[-self._max_partials * PARTIAL_ROWS :]
        if not len(rows):
            raise ValueError("a voiceprint needs at least one frame, the mask has none")
        mels = np.asarray(mel_rows(window, rows) * _gain(window, rows) ** 2, np.float32)
        if len(mels) < PARTIAL_ROWS:
            return np.asarray(mels[np.arange(PARTIAL_ROWS) % len(mels)][None], np.float32)
        count = max(1, round(len(mels) / PARTIAL_ROWS))
        starts = np.rint(np.linspace(len(mels) - PARTIAL_ROWS, 0, count)).astype(int)
        return np.stack([mels[start : start + PARTIAL_ROWS] for start in starts])


def _gain(window: Float32s, rows: Indices) -> float:
    """The factor that brings the rows' samples to TARGET_DBFS."""
    power = float(np.mean(np.square(window.reshape(-1, HOP)[rows], dtype=np.float64)))
    return float(10 ** (TARGET_DBFS / 20) / np.sqrt(max(power, 1e-12)))
