"""A speech detector without a model: loud above an adaptive noise floor, and not flat like noise.

For tests, and where a model is unwanted. Spectral flatness (geometric over arithmetic mean of the
power spectrum; A. H. Gray and J. D. Markel, "A spectral-flatness measure", 1974) is near 0.56 for white noise in one
window, and mostly under 0.3 for voices. The noise floor follows the principle of R. Martin's minimum statistics (2001):
it falls fast and rises slowly.

    state of one channel = noise floor in dBFS, float64
"""

import math
import struct

import numpy as np

from speakerline.services.vad.detector import Answer, Request, chunk_samples, chunks_of
from speakerline.shared.arrays import Float32s

_STATE = struct.Struct("<d")
_QUIETEST_DBFS = -65.0
_FIRST_FLOOR_DBFS = -50.0
_FLOOR_FALLS = 0.3
"""Share of the way to a lower level that the floor goes in one chunk."""
_FLOOR_RISES_DB = 0.06
"""Rise in one chunk; about 2 dB a second, slower than any phrase lasts."""
_SPEECH_DB_ABOVE = 10.0
_FLATTEST_SPEECH = 0.42
_BAND_HZ = (150, 3800)


class Energy:
    """Detector over level and flatness. Chunks are judged one by one, so that no cut can change a bit."""

    def run(self, requests: list[Request]) -> list[Answer]:
        return [_answer(request) for request in requests]


def _answer(request: Request) -> Answer:
    if request.sample_rate not in (8000, 16000):
        raise ValueError(f"sample rate {request.sample_rate}: expected 8000 or 16000")
    floor = _STATE.unpack(request.state)[0] if request.state else _FIRST_FLOOR_DBFS
    chunks = chunks_of(request)
    probabilities = np.empty(len(chunks), np.float32)
    for i, chunk in enumerate(chunks):
        level, flatness = _features(chunk, request.sample_rate)
        probabilities[i] = _probability(level - floor, flatness)
        if level < floor:
            floor += _FLOOR_FALLS * (level - floor)
        else:
            floor += min(_FLOOR_RISES_DB, level - floor)
    return Answer(probabilities, _STATE.pack(floor))


def _features(chunk: Float32s, sample_rate: int) -> tuple[float, float]:
    """Level in dBFS and flatness, 0 to 1, of the band of speech."""
    size = chunk_samples(sample_rate)
    spectrum = np.fft.rfft(chunk * _WINDOWS[sample_rate])
    low, high = (hz * size // sample_rate for hz in _BAND_HZ)
    power = (spectrum.real**2 + spectrum.imag**2)[low:high] / (size * size / 8) + 1e-12
    mean = float(power.mean())
    level = 10 * math.log10(float(power.sum()))
    return max(level, _QUIETEST_DBFS), math.exp(float(np.log(power).mean())) / mean


def _probability(db_above: float, flatness: float) -> float:
    loud = 1 / (1 + math.exp(-(db_above - _SPEECH_DB_ABOVE) / 2))
    voiced = 1 / (1 + math.exp((flatness - _FLATTEST_SPEECH) / 0.04))
    return loud * voiced


_WINDOWS = {rate: np.hanning(chunk_samples(rate)).astype(np.float32) for rate in (8000, 16000)}
