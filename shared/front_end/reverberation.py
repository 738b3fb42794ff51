"""Reduces reverberation by weighted prediction error (package nara_wpe; T. Nakatani et al., "Speech dereverberation
based on variance-normalized delayed linear prediction", 2010): what earlier frames predict of a frame is its echo."""

import numpy as np

from speakerline.shared.audio.pcm import Float32s

FRAME_MS, STEPS = 64, 4
"""Length of a frame, and frames within it: one begins every 16 ms."""
TAPS, DELAY, ITERATIONS = 10, 2, 3
"""Echoes of 32 to 192 ms are predicted; the first 32 ms, which carry the voice itself, never."""


def dereverberated(samples: Float32s, sample_rate: int) -> Float32s:
    """As many samples with less reverberation; the room is learnt from them alone, so give some seconds."""
    from nara_wpe.utils import istft, stft
    from nara_wpe.wpe import wpe

    if not samples.any():
        return samples
    size = FRAME_MS * sample_rate // 1000
    spectrum = stft(samples[None].astype(np.float64), size=size, shift=size // STEPS).transpose(2, 0, 1)
    dry = wpe(spectrum, taps=TAPS, delay=DELAY, iterations=ITERATIONS)
    cleaned = istft(dry.transpose(1, 2, 0), size=size, shift=size // STEPS)[0, : len(samples)]
    return np.asarray(np.clip(cleaned, -1, 1), np.float32)
