"""A high-pass filter and slow automatic gain control, both causal."""

import math

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s

BLOCK_MS = 32
"""The gain is set once per block and interpolated linearly within it."""
LOWEST_HZ = 80.0
"""Cut-off of the second-order Butterworth high-pass: -3 dB here, -12 dB at 40 Hz. The lowest voices have a fundamental
of about 80 Hz."""
TARGET_DBFS = -23.0
"""Target level of the louder parts of speech, the programme level of EBU R 128."""
LARGEST_GAIN_DB = 24.0
QUIETEST_DBFS = -60.0
"""Blocks below this level are never taken for speech."""
ACTIVE_DB = 12.0
"""Blocks more than this below the speech level so far are not taken for speech."""
RISE, FALL = 0.3, 0.01
"""Smoothing factors of the speech level towards louder and quieter blocks: time constants of 0.1 s and 3 s."""

_UNKNOWN = math.nan
_STATE = np.dtype("<f8")


class Leveller:
    """The gain control of one channel, in blocks of 32 ms counted from the first sample.

    Cutting the audio at whole blocks does not change the result. A shorter block ends there, and the next one starts a
    new block."""

    def __init__(self, sample_rate: int, state: bytes = b"") -> None:
        from scipy.signal import butter, sosfilt

        self._filter = sosfilt
        self._sos = butter(2, LOWEST_HZ, "highpass", fs=sample_rate, output="sos")
        self._block = BLOCK_MS * sample_rate // 1000
        numbers = np.frombuffer(state, _STATE) if state else np.array([0.0, 0.0, _UNKNOWN, 0.0])
        if len(numbers) != 4:
            raise ValueError(f"state of {len(state)} bytes: expected 32")
        self._delays: Float64s = numbers[:2].reshape(1, 2).copy()
        self._level, self._gain_db = float(numbers[2]), float(numbers[3])

    @property
    def state(self) -> bytes:
        """The state that lets a new Leveller continue: 32 bytes."""
        return np.array([*self._delays.ravel(), self._level, self._gain_db], _STATE).tobytes()

    def push(self, samples: Float32s) -> Float32s:
        """Process the next samples (n,), -1 to 1; returns as many, clipped to -1..1."""
        filtered, self._delays = self._filter(self._sos, samples.astype(np.float64), zi=self._delays)
        out = np.empty(len(samples), np.float32)
        for at in range(0, len(samples), self._block):
            block = filtered[at : at + self._block]
            before, self._gain_db = self._gain_db, self._follow(block)
            ramp = np.arange(1, len(block) + 1) / len(block)
            out[at : at + len(block)] = block * 10 ** ((before + (self._gain_db - before) * ramp) / 20)
        clipped: Float32s = np.clip(out, -1, 1)
        return clipped

    def _follow(self, block: Float64s) -> float:
        """Update the speech level with a block; returns the gain in dB at its end."""
        power = float(np.einsum("i,i->", block, block)) / len(block)
        loudness = 10 * math.log10(power + 1e-12)
        if loudness >= QUIETEST_DBFS:
            if math.isnan(self._level):
                self._level = loudness
            elif loudness > self._level:
                self._level += RISE * (loudness - self._level)
            elif loudness > self._level - ACTIVE_DB:
                self._level += FALL * (loudness - self._level)
        if math.isnan(self._level):
            return 0.0
        return min(max(TARGET_DBFS - self._level, -LARGEST_GAIN_DB), LARGEST_GAIN_DB)
