"""A high-pass at the entrance of every path: an offset of the line and rumble reach no detector and no voiceprint.

Butterworth of the fourth order: -3 dB at 60 Hz, -0.4 dB at 80 Hz, where the lowest voices begin, -38 dB at 20 Hz.
"""

import functools
from collections.abc import Callable

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.codec import SAMPLE_RATES
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.runtime.stage import AudioReader

LOWEST_HZ = 60.0
SETTLING_MS = 128
"""After so long nothing is left of how the filter began (-150 dB)."""


class HighPass:
    """The filter of one channel. Where the sound is cut changes nothing. It begins as if the first sample had lasted
    for ever, so that an offset makes no click."""

    def __init__(self, sample_rate: int, state: bytes = b"") -> None:
        self._sections, self._settled, self._filter = _design(sample_rate)
        self._delays: Float64s | None = np.frombuffer(state).reshape(self._settled.shape).copy() if state else None

    @property
    def state(self) -> bytes:
        """The state that lets a new one continue; empty at the start."""
        return b"" if self._delays is None else self._delays.tobytes()

    def push(self, samples: Float32s) -> Float32s:
        """The next samples (n,), -1 to 1; as many, filtered."""
        if not len(samples):
            return samples
        if self._delays is None:
            self._delays = self._settled * float(samples[0])
        filtered = samples.astype(np.float64)
        self._filter(self._sections, filtered[None], self._delays[None])
        return filtered.clip(-1, 1, out=filtered).astype(np.float32)


class HighPassedAudio(AudioReader):
    """Reads a little more than was asked for, filters it, and gives what was asked for.

    An answer depends on the sound and on (channel, start, end) alone, never on what was read before."""

    def __init__(self, audio: AudioReader, call: CallStarted) -> None:
        self._audio, self._rate = audio, call.sample_rate
        self._settling = ms_to_samples(SETTLING_MS, call.sample_rate)

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        """`end_sample - start_sample` samples, -1 to 1."""
        settling = min(start_sample, self._settling)
        sound = await self._audio.read(channel, start_sample - settling, end_sample)
        return HighPass(self._rate).push(sound)[settling:]

    async def read_source(self, source_id: str) -> Float32s | None:
        """A source, which was separated from filtered sound, as it is."""
        return await self._audio.read_source(source_id)


def prepare() -> None:
    """Design the filters of all rates now. The first one loads scipy's, which takes half a second: who prepares at the
    start of a process lets no call wait for that."""
    for sample_rate in SAMPLE_RATES:
        _design(sample_rate)


@functools.cache
def _design(sample_rate: int) -> tuple[Float64s, Float64s, Callable[[Float64s, Float64s, Float64s], None]]:
    """The sections, their state after a long time of ones, and what applies them to (1, n) samples, in place, as it
    does to their state. The checks of scipy's `sosfilt` around it take three times as long as a frame of sound."""
    from scipy.signal import butter, sosfilt_zi
    from scipy.signal._sosfilt import _sosfilt

    sections = butter(4, LOWEST_HZ, "highpass", fs=sample_rate, output="sos")
    return sections, sosfilt_zi(sections), _sosfilt
