"""Resampling of telephone audio for models that were trained at 16 kHz."""

import numpy as np
import soxr

from speakerline.shared.arrays import Float32s

TELEPHONE_HZ = (300.0, 3400.0)


def to_16khz(samples: Float32s, sample_rate: int) -> Float32s:
    """Samples (n,) at 8 or 16 kHz as float32 at 16 kHz, by soxr's HQ filter; 16 kHz is returned as it is.

    Deterministic; silence is assumed before and after. Raises ValueError for other rates."""
    if sample_rate == 16000:
        return samples
    if sample_rate != 8000:
        raise ValueError(f"sample rate {sample_rate}: expected 8000 or 16000")
    resampled: Float32s = soxr.resample(samples, 8000, 16000, quality="HQ")
    return resampled


def through_telephone(samples: Float32s) -> Float32s:
    """What a telephone line leaves of samples (n,) at 16 kHz, at 16 kHz again: 8 kHz, 300 to 3400 Hz (ITU-T G.712)."""
    from scipy.signal import butter, sosfilt

    narrow: Float32s = soxr.resample(samples, 16000, 8000, quality="HQ")
    band = sosfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=8000, output="sos"), narrow)
    return to_16khz(np.asarray(band, np.float32), 8000)[: len(samples)]
