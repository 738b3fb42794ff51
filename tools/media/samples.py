"""Pure functions on decoded samples: scaling to float32, repair of NaN and infinity, detection of dual mono."""

import numpy as np

from speakerline.shared.arrays import AnyArray, Float32s, Indices

DUAL_MONO_RATIO = 1e-4
"""Channels whose difference has less than this share of their energy (-40 dB) carry the same audio. A lossy codec
causes about this difference; two sides of a call always differ more."""

SOUNDING = 1e-3
"""The RMS from which a block is not silent (-60 dBFS). Silent blocks say nothing about dual mono."""

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


def mend(planes: Float32s) -> tuple[Float32s, Indices]:
    """The samples (channels, n) with NaN and infinity replaced by 0, clipped to -1..1, and the positions of repairs.

    The second value has the sample positions at which any channel was not finite."""
    finite = np.isfinite(planes)
    if finite.all():
        return np.clip(planes, -1, 1), np.empty(0, np.intp)
    return np.clip(np.where(finite, planes, np.float32(0)), -1, 1), np.flatnonzero(~finite.all(axis=0))


class DualMonoCheck:
    """Decides whether all channels carry the same audio, by the blocks of a file that are not silent."""

    def __init__(self) -> None:
        self._energy = 0.0
        self._difference = 0.0
        self.sounding = 0
        """The number of samples in blocks that were not silent."""

    def push(self, planes: Float32s) -> None:
        """Take a block of shape (channels, n)."""
        energy = float(np.square(planes, dtype=np.float64).mean()) if planes.size else 0.0
        if energy < SOUNDING**2:
            return
        self.sounding += planes.shape[1]
        self._energy += energy * planes.shape[1]
        worst = np.square(planes[1:] - planes[:1], dtype=np.float64).mean(axis=1).max()
        self._difference += float(worst) * planes.shape[1]

    def is_dual_mono(self) -> bool:
        """False if all blocks were silent."""
        return self.sounding > 0 and self._difference < DUAL_MONO_RATIO * self._energy
