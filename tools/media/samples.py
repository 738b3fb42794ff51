"""Pure steps between decoded frames and sound: scaling to float32, mending what is no number, telling dual mono."""

from typing import Any

import numpy as np
import numpy.typing as npt

from speakerline.shared.audio.pcm import Float32s

DUAL_MONO_RATIO = 1e-4
"""Channels whose difference holds less than this share of their energy (-40 dB) carry the same sound: a lossy codec
leaves about that much of a difference, two sides of a call never as little."""

SOUNDING = 1e-3
"""Root mean square, of 1, above which a block counts as sound (-60 dBFS): silence says nothing about two channels."""

_ZERO_AND_SCALE = {"u8": (128, 2.0**7), "s16": (0, 2.0**15), "s32": (0, 2.0**31), "s64": (0, 2.0**63)}


def to_planes(raw: npt.NDArray[Any], sample_format: str, channels: int) -> Float32s:
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


def mend(planes: Float32s) -> tuple[Float32s, npt.NDArray[np.intp]]:
    """The same sound with NaN and infinity replaced by 0 and the rest clipped to -1..1; and where it was not finite.

    The second value holds the positions in time at which any channel had to be mended."""
    finite = np.isfinite(planes)
    if finite.all():
        return np.clip(planes, -1, 1), np.empty(0, np.intp)
    return np.clip(np.where(finite, planes, np.float32(0)), -1, 1), np.flatnonzero(~finite.all(axis=0))


class DualMonoCheck:
    """Whether all channels carry the same sound, judged on the blocks of a file that are not silent."""

    def __init__(self) -> None:
        self._energy = 0.0
        self._difference = 0.0
        self.heard = 0
        """Sounding samples seen so far."""

    def push(self, planes: Float32s) -> None:
        """Take a block of shape (channels, n)."""
        energy = float(np.square(planes, dtype=np.float64).mean()) if planes.size else 0.0
        if energy < SOUNDING**2:
            return
        self.heard += planes.shape[1]
        self._energy += energy * planes.shape[1]
        worst = np.square(planes[1:] - planes[:1], dtype=np.float64).mean(axis=1).max()
        self._difference += float(worst) * planes.shape[1]

    def is_dual_mono(self) -> bool:
        """False where nothing was heard: silent channels stay as they are."""
        return self.heard > 0 and self._difference < DUAL_MONO_RATIO * self._energy
