"""ECAPA-TDNN voiceprints (Desplanques et al., 2020) from any SpeechBrain checkpoint: a hub id or a folder.

A folder holds what SpeechBrain's `EncoderClassifier.from_hparams` reads: hyperparams.yaml and the checkpoints that
its pretrainer names (embedding_model.ckpt, ...). Runs under torch, one piece at a time, so that a voiceprint does not
depend on its batch.
"""

from collections.abc import Sequence

import numpy as np

from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.models.speechbrain_checkpoint import open_checkpoint
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, frames_at

INTERFACE = "speaker.EncoderClassifier"
DEFAULT_SOURCE = "speechbrain/spkrec-ecapa-voxceleb"
HOP = 160
"""10 ms: the resolution at which frames are taken out of a window."""
MIN_SAMPLES = 16_000
"""Shorter pieces are tiled to one second: the pooling needs some frames."""
_FRAMES = frames_at(np.arange(WINDOW_SAMPLES // HOP) * HOP / 16_000)


class Ecapa:
    """An embedder by setting; its calibration comes from `speakerline calibrate`, for thresholds differ between
    checkpoints."""

    def __init__(self, source: str = DEFAULT_SOURCE, calibration: Calibration | None = None, threads: int = 1) -> None:
        self._calibration = calibration
        self._source = source
        self._encoder = open_checkpoint(INTERFACE, source, DEFAULT_SOURCE, threads)

    @property
    def calibration(self) -> Calibration:
        """The calibration given; there is no general one."""
        if self._calibration is None:
            raise ModelMissing(
                f"the embedder {self._source!r} has no calibration; make one with `speakerline calibrate` from "
                "labelled or simulated calls and name it in SPEAKERLINE_CALIBRATION"
            )
        return self._calibration

    def embed(self, pieces: Sequence[tuple[Float32s, Bools]]) -> list[Float32s]:
        """L2-normalised voiceprints of the masked samples."""
        import torch

        found = []
        for window, mask in pieces:
            rows = np.flatnonzero(mask[_FRAMES])
            if not len(rows):
                raise ValueError("a voiceprint needs at least one frame, the mask has none")
            samples = window.reshape(-1, HOP)[rows].ravel()
            samples = np.resize(samples, max(len(samples), MIN_SAMPLES))
            with torch.inference_mode():
                vector = self._encoder.encode_batch(torch.from_numpy(samples)[None]).numpy().ravel()
            found.append(np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32))
        return found
