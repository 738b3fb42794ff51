"""Several microphones of one room as one channel, in front of a separator.

Not for telephone stereo, whose sides are in different rooms: two channels are never an array here. More channels are
one only if all carry the same sound within the time that sound takes across a room.

    channels ──> `find_array`: delays to the first channel ──> `delay_and_sum` ──> (n,)

The beam is aimed at the loudest voice; the others, if they sit elsewhere, come out weaker than they were.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from speakerline.shared.arrays import Complex128s, Float32s, Float64s

LEAST_CHANNELS = 3
ACROSS_S = 0.01
"""Sound goes 3.4 m in this time."""
COHERENT = 0.35
"""Correlation at the best delay. Microphones of one room have 0.5 to 1 with the noise and echo that are usual, voices
of different people up to 0.2 over some seconds."""
FRAME_S = 0.025
HOP_S = 0.01
FINER = 16
"""Delays are found to this part of a sample."""


@dataclass(frozen=True, slots=True)
class Array:
    """delays: (channels,) by how many samples each is later than the first; fractions count. coherence: (channels,)
    correlation with the first at the best delay, 0 to 1. polarity: (channels,) -1 where a microphone is wired the other
    way round than the first, else 1."""

    delays: Float64s
    coherence: Float64s
    polarity: Float64s

    def turned(self, samples: Float32s) -> Float32s:
        """The (channels, n) samples, all in the polarity of the first."""
        return np.asarray(samples * self.polarity[:, None], np.float32)


def find_array(samples: Float32s, rate: int) -> Array | None:
    """The microphones of one room in (channels, n) samples; None where they are none. Some seconds are needed."""
    if len(samples) < LEAST_CHANNELS or samples.shape[1] < rate // 2:
        return None
    coherence = _coherence(samples, round(ACROSS_S * rate))
    if coherence.min() < COHERENT:
        return None
    delays, polarity = _delays(samples, rate)
    return Array(delays, coherence, polarity)


def delay_and_sum(samples: Float32s, array: Array) -> Float32s:
    """One channel (n,), in time with the first of the (channels, n): their mean, with the delays undone.

    Lowers noise that is of each microphone by 10 log10 of their number."""
    length = samples.shape[1]
    size = _room(length + int(np.ceil(np.abs(array.delays).max())))
    turn = 2j * np.pi * np.fft.rfftfreq(size)
    together = np.zeros(len(turn), np.complex128)
    for channel, delay in zip(array.turned(samples), array.delays, strict=True):
        together += np.fft.rfft(channel.astype(np.float64), size) * np.exp(turn * delay)
    return np.asarray(np.fft.irfft(together / len(samples), size)[:length], np.float32)


def _room(length: int) -> int:
    """A length at which Fourier transforms are quick, and nothing wraps around."""
    return 1 << (length - 1).bit_length()


def _coherence(samples: Float32s, farthest: int) -> Float64s:
    """Correlation of each channel with the first, at the delay of up to `farthest` samples where it is highest."""
    size = _room(samples.shape[1] + farthest)
    first = np.fft.rfft(samples[0].astype(np.float64), size).conj()
    found = np.zeros(len(samples))
    for number, channel in enumerate(samples):
        energy = float(np.linalg.norm(samples[0]) * np.linalg.norm(channel))
        if energy:
            near = np.fft.irfft(np.fft.rfft(channel.astype(np.float64), size) * first, size)
            found[number] = np.abs(np.roll(near, farthest)[: 2 * farthest + 1]).max() / energy
    return found


def _delays(samples: Float32s, rate: int) -> tuple[Float64s, Float64s]:
    """(channels,) to the first, and (channels,) polarities, by GCC-PHAT (Knapp and Carter, "The generalized correlation
    method for estimation of time delay", 1976): the phases of the cross-spectrum of all frames, back in time, where
    speech has no side lobes that could be taken for the other polarity."""
    size = 2 * round(FRAME_S * rate)
    first = _frames(samples[0], rate, size).conj()
    cross = np.stack([np.mean(_frames(channel, rate, size) * first, axis=0) for channel in samples])
    level = np.abs(cross)
    phases = np.divide(cross, level, out=np.zeros_like(cross), where=level > 0)
    farthest = round(ACROSS_S * rate) * FINER
    near = np.roll(np.fft.irfft(phases, FINER * size), farthest, axis=1)[:, : 2 * farthest + 1]
    at = np.abs(near).argmax(axis=1)
    return (at - farthest) / FINER, np.sign(near[np.arange(len(near)), at])


def _frames(channel: Float32s, rate: int, size: int) -> Complex128s:
    """Spectra of the frames, (frames, size // 2 + 1)."""
    length = round(FRAME_S * rate)
    frames = sliding_window_view(channel.astype(np.float64), length)[:: round(HOP_S * rate)]
    return np.fft.rfft(frames * np.hamming(length), size)
