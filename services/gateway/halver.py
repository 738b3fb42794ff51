"""Halves the sample rate of a live stream."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from speakerline.shared.arrays import Float32s


class Halver:
    """16 kHz to 8 kHz, with a delay of 4 ms: every second sample of what a linear-phase low-pass lets through.

    soxr in a stream holds back more than 100 ms. 129 taps of a sinc at 3.64 kHz under a Kaiser window (beta 8): 80 dB
    down from 4 kHz on."""

    def __init__(self) -> None:
        self._held: Float32s = np.zeros(len(_TAPS) // 2, np.float32)
        """Silence before the first sample, so that sample n of the output is sample 2 n of the input."""

    def push(self, samples: Float32s) -> Float32s:
        """The next samples (n,); gives those that are ready, (m,)."""
        held = np.concatenate([self._held, samples])
        ready = max(0, (len(held) - len(_TAPS)) // 2 + 1)
        self._held = held[2 * ready :]
        if not ready:
            return np.zeros(0, np.float32)
        windows = sliding_window_view(held, len(_TAPS))[: 2 * ready : 2]
        return np.asarray((windows * _TAPS).sum(axis=1), np.float32)

    def flush(self) -> Float32s:
        """The rest: half of what was pushed, rounded up, has come out then."""
        return self.push(np.zeros(len(_TAPS) // 2, np.float32))


def _low_pass(taps: int, cutoff: float) -> Float32s:
    """cutoff: as a share of the sample rate."""
    times = np.arange(taps) - taps // 2
    kernel = np.sinc(2 * cutoff * times) * np.kaiser(taps, 8.0)
    return np.asarray(kernel / kernel.sum(), np.float32)


_TAPS = _low_pass(129, 3640 / 16000)
