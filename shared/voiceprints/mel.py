"""The mel spectrogram that Resemblyzer's voice encoder was trained on, in numpy.

Equal to `librosa.feature.melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40)` up to rounding (linear
power, Slaney mel scale and area normalisation, centred frames, zero padding), without librosa's seconds of import
time.
"""

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s, Indices

SAMPLE_RATE = 16_000
N_FFT = 400
HOP = 160
N_MELS = 40


def mel_rows(samples: Float32s, rows: Indices) -> Float32s:
    """Mel power (len(rows), 40) of the chosen rows; row i is centred on sample i * 160 of `samples` (16 kHz)."""
    padded = np.pad(samples, N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[np.asarray(rows) * HOP]
    spectrum = np.fft.rfft(frames * _WINDOW, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(power @ _FILTERS, np.float32)


def _slaney_hz_to_mel(hz: Float64s) -> Float64s:
    log = 15 + np.log(np.maximum(hz, 1e-9) / 1000) / (np.log(6.4) / 27)
    return np.where(hz < 1000, hz * 3 / 200, log)


def _slaney_mel_to_hz(mel: Float64s) -> Float64s:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * (np.log(6.4) / 27)))


def _filters() -> Float32s:
    """Triangular filters (201, 40) from Slaney's Auditory Toolbox, each of unit area."""
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    top = _slaney_hz_to_mel(np.array([SAMPLE_RATE / 2.0]))[0]
    edges = _slaney_mel_to_hz(np.linspace(0.0, top, N_MELS + 2))
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2]), np.float32)


_WINDOW = np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT), np.float32)
_FILTERS = _filters()
