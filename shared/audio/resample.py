"""Telephone sound for models that were trained at 16 kHz."""

import soxr

from speakerline.shared.audio.pcm import Float32s


def to_16khz(samples: Float32s, sample_rate: int) -> Float32s:
    """One window at 16 kHz, by soxr's HQ filter; 16 kHz passes untouched. The same window gives the same samples.

    Beyond its edges the filter sees silence. Raises ValueError for other rates than 8 and 16 kHz."""
    if sample_rate == 16000:
        return samples
    if sample_rate != 8000:
        raise ValueError(f"sample rate {sample_rate}: expected 8000 or 16000")
    resampled: Float32s = soxr.resample(samples, 8000, 16000, quality="HQ")
    return resampled
