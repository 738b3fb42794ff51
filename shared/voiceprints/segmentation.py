"""Local segmentation: who of up to three local speakers is active in each frame of five seconds.

The model is PyanNet (Bredin & Laurent, "End-to-end speaker segmentation for overlap-aware resegmentation", 2021). Its
three activities are independent, so it sees overlapped speech and speaker changes, but its speaker numbers mean
nothing outside one window.
"""

from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.models.prepare import open_session, segmentation_model

WINDOW_SAMPLES = 80_000
"""5 s at 16 kHz, the length the model was trained on."""
FRAMES = 293
LOCAL_SPEAKERS = 3
FIRST_CENTRE_S = 0.031
FRAME_STEP_S = 0.016875
"""The centre of frame i is FIRST_CENTRE_S + i * FRAME_STEP_S seconds after the window's start (measured; not i *
5/293)."""


class Segmentation:
    """PyanNet under onnxruntime; the scores of a window do not depend on what else is in the batch."""

    def __init__(self, model: Path | None = None, threads: int = 1, max_batch: int = 8) -> None:
        self._session = open_session(model or segmentation_model(), threads)
        self._input = self._session.get_inputs()[0].name
        self._max_batch = max_batch

    def scores(self, windows: Float32s) -> Float32s:
        """Activities (B, 293, 3) in 0..1 of windows (B, 80000), 16 kHz, float32 in -1..1."""
        if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
            raise ValueError(f"segmentation takes (B, {WINDOW_SAMPLES}) samples, got {windows.shape}")
        parts = [
            self._session.run(None, {self._input: windows[at : at + self._max_batch, None, :]})[0]
            for at in range(0, len(windows), self._max_batch)
        ]
        if not parts:
            return np.zeros((0, FRAMES, LOCAL_SPEAKERS), np.float32)
        return np.concatenate(parts)


def pad_window(samples: Float32s) -> Float32s:
    """The last 5 s of a channel as one model input; a younger call is padded with silence in front, so its end stays
    now."""
    if len(samples) >= WINDOW_SAMPLES:
        return np.ascontiguousarray(samples[-WINDOW_SAMPLES:], np.float32)
    return np.concatenate([np.zeros(WINDOW_SAMPLES - len(samples), np.float32), samples.astype(np.float32)])
