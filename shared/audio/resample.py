"""Resampling of telephone audio for models that were trained at 16 kHz."""

import soxr

from speakerline.shared.arrays import Float32s


def to_16khz(samples: Float32s, sample_rate: int) -> Float32s:
    """Samples (n,) at 8 or 16 kHz as float32 at 16 kHz, by soxr's HQ filter; 16 kHz is returned as it is.

    Deterministic; silence is assumed before and after. Raises ValueError for other rates."""
    if sample_rate == 16000:
        return samples
    if sample_rate != 8000:
        raise ValueError(f"sample rate {sample_rate}: expected 8000 or 16000")
    resampled: Float32s = soxr.resample(samples, 8000, 16000, quality="HQ")
    return resampled
