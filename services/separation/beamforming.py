"""Several microphones of one room as one channel, in front of a separator: SpeechBrain's beamformers.

Not for telephone stereo, whose sides hear different rooms: two channels are never an array here, and more are one only
when all hear the same sound within the time that sound takes across a room.

    channels ──> delays to the first channel (GCC-PHAT) ──> delay-and-sum, or MVDR by the noise of quiet frames ──> (n,)

The beam is aimed at the loudest voice; the others, if they sit elsewhere, come out weaker than they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from services.embedding.windows import Floats

LEAST_CHANNELS = 3
ACROSS_S = 0.01
"""Sound goes 3.4 m in this time."""
COHERENT = 0.35
"""Correlation at the best delay. Microphones of one room have 0.5 to 1 with the noise and echo that are usual, voices
of different people up to 0.2 over some seconds."""
QUIET_SHARE = 0.2
"""Of the frames, the quietest tell MVDR what the noise is like."""
LOADING = 1e-3
FLOOR = 1e-9
"""Of the noise and of the loudest frame: what is added to the noise of each microphone, so that it is never nothing."""

Method = Literal["delay_and_sum", "mvdr"]


@dataclass(frozen=True)
class Array:
    """delays: (channels,) by how many samples each hears later than the first; fractions count. coherence: (channels,)
    correlation with the first at the best delay, 0 to 1."""

    delays: NDArray[np.float64]
    coherence: NDArray[np.float64]


def find_array(samples: Floats, rate: int) -> Array | None:
    """The microphones of one room in (channels, n) samples; None where they are none. Some seconds are needed."""
    if len(samples) < LEAST_CHANNELS or samples.shape[1] < rate // 2:
        return None
    coherence = np.array([_correlation(samples[0], other, round(ACROSS_S * rate)) for other in samples])
    if coherence.min() < COHERENT:
        return None
    return Array(_delays(_spectrum(samples, rate), len(samples), rate), coherence)


def beamform(samples: Floats, rate: int, method: Method = "delay_and_sum") -> Floats:
    """One channel (n,), in time with the first of the (channels, n), that hears best what is loudest.

    Raises ValueError where `find_array` finds none. delay_and_sum lowers noise that is of each microphone by 10 log10
    of their number; mvdr also noise that comes from somewhere, and needs pauses."""
    array = find_array(samples, rate)
    if array is None:
        raise ValueError(
            f"{len(samples)} channels of {samples.shape[1] / rate:.1f} s: expected {LEAST_CHANNELS} microphones of one "
            "room or more, for half a second or more"
        )
    import torch
    from speechbrain.processing.features import ISTFT
    from speechbrain.processing.multi_mic import DelaySum, Mvdr

    spectrum = _spectrum(samples, rate)
    delays = _pairs(array.delays, spectrum.shape[1])
    with torch.inference_mode():
        if method == "mvdr":
            beam = Mvdr()(spectrum, _noise(spectrum), delays)
        else:
            beam = DelaySum()(spectrum, delays)
        found = ISTFT(sample_rate=rate)(beam, sig_length=samples.shape[1])[0]
    return np.asarray(found.reshape(-1).numpy(), np.float32)


def _correlation(one: Floats, other: Floats, farthest: int) -> float:
    from scipy.signal import correlate

    energy = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not energy:
        return 0.0
    middle = len(one) - 1
    found = correlate(other.astype(np.float64), one.astype(np.float64), method="fft")
    return float(np.abs(found[middle - farthest : middle + farthest + 1]).max() / energy)


def _spectrum(samples: Floats, rate: int) -> Any:
    """(1, frames, bins, 2, channels), as SpeechBrain has it."""
    import torch
    from speechbrain.processing.features import STFT

    return STFT(sample_rate=rate)(torch.from_numpy(np.ascontiguousarray(samples.T))[None])


def _delays(spectrum: Any, channels: int, rate: int) -> NDArray[np.float64]:
    import torch
    from speechbrain.processing.multi_mic import Covariance, GccPhat

    with torch.inference_mode():
        found = GccPhat(tdoa_max=round(ACROSS_S * rate))(Covariance()(spectrum))[0, 0]
    return np.asarray(found[:channels].numpy(), np.float64)


def _pairs(delays: NDArray[np.float64], frames: int) -> Any:
    """Delays between all pairs (1, frames, pairs), as SpeechBrain wants them."""
    import torch

    first, second = np.triu_indices(len(delays))
    between = torch.from_numpy((delays[second] - delays[first]).astype(np.float32))
    return between.expand(1, frames, -1)


def _noise(spectrum: Any) -> Any:
    """Covariance of the quiet frames, for every frame, as SpeechBrain's Mvdr has it: the conjugate of what its
    Covariance gives (seen in 1.1; with that as it is, MVDR is worse than delay-and-sum)."""
    import torch
    from speechbrain.processing.multi_mic import Covariance

    power = spectrum.square().sum((2, 3, 4))[0]
    quiet = power.argsort()[: max(1, int(QUIET_SHARE * len(power)))].sort().values
    real, imaginary = Covariance()(spectrum[:, quiet])[:, :1].unbind(3)
    own = [at for at, pair in enumerate(zip(*np.triu_indices(spectrum.shape[4]), strict=True)) if pair[0] == pair[1]]
    real[..., own] += LOADING * real[..., own].mean() + FLOOR * power.max()
    return torch.stack([real, -imaginary], 3).expand(-1, spectrum.shape[1], -1, -1, -1)
