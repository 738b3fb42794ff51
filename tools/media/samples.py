"""Pure functions on decoded samples: scaling to float32, repair of NaN, infinity, and what is beyond full scale."""

import numpy as np

from speakerline.shared.arrays import AnyArray, Float32s, Indices

HEADROOM = np.float32(1.05)
"""Decoders of lossy formats overshoot full scale by so much; that is no flaw."""

_ZERO_AND_SCALE = {"u8": (128, 2.0**7), "s16": (0, 2.0**15), "s32": (0, 2.0**31), "s64": (0, 2.0**63)}


def to_planes(raw: AnyArray, sample_format: str, channels: int) -> Float32s:
    """ffmpeg's samples, packed (1, n * channels) or planar (channels, n), as float32 of shape (channels, n), -1 to 1.

    `sample_format` is ffmpeg's name: u8, s16, s32, s64, flt or dbl, with a trailing p where planar."""
    planes = raw if sample_format.endswith("p") else raw.reshape(-1, channels).T
    kind = sample_format.removesuffix("p")
    if kind in ("flt", "dbl"):
        with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is mended as such
            return planes.astype(np.float32)
    zero, scale = _ZERO_AND_SCALE[kind]
    scaled: Float32s = ((planes - np.float64(zero)) / scale).astype(np.float32)
    return scaled


def mend(planes: Float32s) -> tuple[Float32s, Indices, int]:
    """The samples (channels, n) with NaN and infinity replaced by 0, clipped to -1..1; the sample positions at which
    any channel was not finite; and how many samples were clipped."""
    finite = np.isfinite(planes)
    clipped = int((np.abs(planes) > HEADROOM).sum(where=finite))
    if finite.all():
        return np.clip(planes, -1, 1), np.empty(0, np.intp), clipped
    return np.clip(np.where(finite, planes, np.float32(0)), -1, 1), np.flatnonzero(~finite.all(axis=0)), clipped
