"""Local segmentation: who of up to three local speakers is active in each frame of five seconds.

The model is pyannote segmentation-3.0: PyanNet with powerset classes (Plaquet & Bredin, "Powerset multi-class cross
entropy loss for neural speaker diarization", 2023). It tells who of three speaks, alone or two at a time, so it sees
overlapped speech and speaker changes. Its speaker numbers mean nothing outside one window.
"""

from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s, Indices
from speakerline.shared.models.onnx import open_session

MODEL_FILE = Path(__file__).with_name("segmentation.onnx")
WINDOW_SAMPLES = 80_000
"""5 s at 16 kHz, half of what the model was trained on: 10 s cost twice as much and are worse on nearly every call."""
FRAMES = 293
LOCAL_SPEAKERS = 3
FIRST_CENTRE_S = 0.031
FRAME_STEP_S = 0.016875
"""The centre of frame i is FIRST_CENTRE_S + i * FRAME_STEP_S seconds after the window's start (measured; not i *
5/293)."""
POWERSET = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)
"""Who speaks in each of the model's seven classes."""


class Segmentation:
    """segmentation-3.0 under onnxruntime; the scores of a window do not depend on what else is in the batch."""

    def __init__(self, model: Path = MODEL_FILE, threads: int = 1) -> None:
        self._session = open_session(model, threads)

    def scores(self, windows: Float32s) -> Float32s:
        """Activities (B, 293, 3) in 0..1 of windows (B, 80000), 16 kHz, float32 in -1..1."""
        if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
            raise ValueError(f"segmentation takes (B, {WINDOW_SAMPLES}) samples, got {windows.shape}")
        if not len(windows):
            return np.zeros((0, FRAMES, LOCAL_SPEAKERS), np.float32)
        rows = [self._session.run(None, {"input": window[None, None]})[0] for window in windows]
        return np.asarray(np.exp(np.concatenate(rows)) @ POWERSET, np.float32)


def frames_at(times_s: Float64s) -> Indices:
    """The frames that moments of a window lie in, in seconds after its start."""
    return np.rint((times_s - FIRST_CENTRE_S) / FRAME_STEP_S).astype(int).clip(0, FRAMES - 1)


def pad_window(samples: Float32s) -> Float32s:
    """The last 5 s of a channel as one model input; a younger call is padded with silence in front, so its end stays
    now."""
    if len(samples) >= WINDOW_SAMPLES:
        return np.ascontiguousarray(samples[-WINDOW_SAMPLES:], np.float32)
    return np.concatenate([np.zeros(WINDOW_SAMPLES - len(samples), np.float32), samples.astype(np.float32)])
