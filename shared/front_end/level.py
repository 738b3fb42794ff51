"""Takes away what lies below speech, and brings speech to one level slowly; causal, so that live sound can pass."""

import math

import numpy as np
import numpy.typing as npt

from speakerline.shared.audio.pcm import Float32s

BLOCK_MS = 32
"""The gain changes once a block, by a straight line."""
LOWEST_HZ = 80.0
"""Second order: -3 dB here, -12 dB at 40 Hz; the deepest voices begin at about 80 Hz."""
TARGET_DBFS = -23.0
"""Level of the louder parts of speech, as EBU R 128 has it for programmes."""
LARGEST_GAIN_DB = 24.0
QUIETEST_DBFS = -60.0
"""A block under this is no speech, however quiet the line."""
ACTIVE_DB = 12.0
"""A block counts as speech down to this far under the level of speech so far."""
RISE, FALL = 0.3, 0.01
"""Shares of the way to a louder or a quieter block that the level goes: within 0.1 s up, 3 s of speech down."""

_UNKNOWN = math.nan
_STATE = np.dtype("<f8")


class Leveller:
    """One channel. Blocks of 32 ms count from the first sample; where sound is cut at whole blocks, no cut changes a
    bit. What follows a shorter block begins a new one."""

    def __init__(self, sample_rate: int, state: bytes = b"") -> None:
        from scipy.signal import butter, sosfilt

        self._filter = sosfilt
        self._sos = butter(2, LOWEST_HZ, "highpass", fs=sample_rate, output="sos")
        self._block = BLOCK_MS * sample_rate // 1000
        numbers = np.frombuffer(state, _STATE) if state else np.array([0.0, 0.0, _UNKNOWN, 0.0])
        if len(numbers) != 4:
            raise ValueError(f"state of {len(state)} bytes: expected 32")
        self._delays: npt.NDArray[np.float64] = numbers[:2].reshape(1, 2).copy()
        self._level, self._gain_db = float(numbers[2]), float(numbers[3])

    @property
    def state(self) -> bytes:
        """What a new Leveller needs to go on."""
        return np.array([*self._delays.ravel(), self._level, self._gain_db], _STATE).tobytes()

    def push(self, samples: Float32s) -> Float32s:
        """The next samples, -1 to 1, levelled; as many as came."""
        filtered, self._delays = self._filter(self._sos, samples.astype(np.float64), zi=self._delays)
        out = np.empty(len(samples), np.float32)
        for at in range(0, len(samples), self._block):
            block = filtered[at : at + self._block]
            before, self._gain_db = self._gain_db, self._follow(block)
            ramp = np.arange(1, len(block) + 1) / len(block)
            out[at : at + len(block)] = block * 10 ** ((before + (self._gain_db - before) * ramp) / 20)
        clipped: Float32s = np.clip(out, -1, 1)
        return clipped

    def _follow(self, block: npt.NDArray[np.float64]) -> float:
        """Hear a block; the gain in dB from its end on."""
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
