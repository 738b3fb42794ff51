"""Reduces reverberation by weighted prediction error (package nara_wpe; T. Nakatani et al., "Speech dereverberation
based on variance-normalized delayed linear prediction", 2010): the part
of a frame that earlier frames predict is taken as its reverberation."""

import numpy as np

from speakerline.shared.arrays import Float32s

FRAME_MS, STEPS = 64, 4
"""Length of a frame, and its ratio to the hop of 16 ms."""
TAPS, DELAY, ITERATIONS = 10, 2, 3
"""Reverberation after 32 to 192 ms is predicted; the first 32 ms, which carry the voice itself, are kept."""


def dereverberated(samples: Float32s, sample_rate: int) -> Float32s:
    """The samples (n,), -1 to 1, with less reverberation, by a filter estimated from them alone: pass some seconds."""
    from nara_wpe.utils import istft, stft
    from nara_wpe.wpe import wpe

    if not samples.any():
        return samples
    size = FRAME_MS * sample_rate // 1000
    spectrum = stft(samples[None].astype(np.float64), size=size, shift=size // STEPS).transpose(2, 0, 1)
    dry = wpe(spectrum, taps=TAPS, delay=DELAY, iterations=ITERATIONS)
    cleaned = istft(dry.transpose(1, 2, 0), size=size, shift=size // STEPS)[0, : len(samples)]
    return np.asarray(np.clip(cleaned, -1, 1), np.float32)
