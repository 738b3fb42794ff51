"""Kaldi's log mel filter bank in numpy: 80 bins, frames of 25 ms every 10 ms, Povey window, no dither.

Equal to `torchaudio.compliance.kaldi.fbank(samples, num_mel_bins=80, sample_frequency=16000, dither=0)` within 0.001,
for samples in -1..1, without torch.
"""

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s, Indices

SAMPLE_RATE = 16_000
FRAME = 400
HOP = 160
BINS = 80
_FFT = 512
_LOW_HZ = 20.0
_PREEMPHASIS = np.float32(0.97)
_FLOOR = np.float32(np.finfo(np.float32).eps)


def fbank(samples: Float32s, rows: Indices) -> Float32s:
    """(len(rows), 80) of 16 kHz samples (n,); row i covers samples i * 160 to i * 160 + 400."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[np.asarray(rows) * HOP]
    frames = frames - frames.mean(axis=1, keepdims=True, dtype=np.float32)
    emphasised = np.empty_like(frames)
    emphasised[:, 1:] = frames[:, 1:] - _PREEMPHASIS * frames[:, :-1]
    emphasised[:, 0] = frames[:, 0] * (1 - _PREEMPHASIS)
    spectrum = np.fft.rfft(emphasised * _WINDOW, _FFT, axis=1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    return np.asarray(np.log(np.maximum(power @ _FILTERS, _FLOOR)), np.float32)


def _mel(hz: Float64s) -> Float64s:
    return 1127.0 * np.log1p(hz / 700.0)


def _filters() -> Float32s:
    """Triangles (257, 80), evenly spaced and straight on the mel scale, as Kaldi's are."""
    low, high = _mel(np.array([_LOW_HZ, SAMPLE_RATE / 2])).tolist()
    edges = np.linspace(low, high, BINS + 2)
    bins = _mel(np.arange(_FFT // 2 + 1) * np.float64(SAMPLE_RATE / _FFT))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), np.float32)


_WINDOW = np.asarray((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))) ** 0.85, np.float32)
_FILTERS = _filters()
