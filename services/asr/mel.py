"""The spectrogram that Whisper listens to."""

from typing import Any

import numpy as np

from speakerline.services.asr.engine import RATE
from speakerline.shared.arrays import Float32s

FRAMES_PER_S = 100


class Mel:
    """faster-whisper's, with the product of filters and power in doubles. In floats its rounding follows from how many
    threads share it, and that alone changes words ("neither did I" for "I need to design" on the sample call)."""

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor
        extractor.mel_filters = extractor.mel_filters.astype(np.float64)

    def __call__(self, samples: Float32s, frames: int) -> Float32s:
        """Of samples (n,) at 16 kHz, with silence up to so many frames of 10 ms: (bands, frames)."""
        hop = RATE // FRAMES_PER_S
        padded = np.zeros(frames * hop, np.float32)
        padded[: len(samples)] = samples[: len(padded)]
        mel: Float32s = self._extractor(padded, padding=hop)[:, :frames].astype(np.float32)
        return mel
