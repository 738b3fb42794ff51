"""The Fourier transform around the separator's network and its inverse, without torch; pure.

Equal to `torch.stft` and `torch.istft` with a periodic square-root Hann window of 32 ms every 16 ms, centred frames,
and the mirrored signal beyond its ends.
"""

import numpy as np

from speakerline.shared.arrays import AnyFloats, Complex64s, Float32s, Float64s

RATE = 8000
"""Samples per second of the network."""
WINDOW = 256
HOP = 128
BINS = WINDOW // 2
"""The bin at 4 kHz is left out: no telephone carries anything there."""
SHAPE = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_MARGIN = WINDOW // 2


def frames_of(samples: int) -> int:
    """How many frames so many samples give."""
    return samples // HOP + 1


def stft(samples: Float32s) -> Float32s:
    """Spectrum (frames, 128, 2), real and imaginary, of (n,) samples at 8 kHz; n must be more than 128."""
    if samples.ndim != 1 or len(samples) <= _MARGIN:
        raise ValueError(f"a spectrum needs more than {_MARGIN} samples in one row, got the shape {samples.shape}")
    padded = np.pad(np.asarray(samples, np.float32), _MARGIN, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * SHAPE, axis=1)[:, :BINS]
    return np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32)


def istft(spectrum: Float32s, samples: int) -> Float32s:
    """The (..., n) samples of spectra (..., frames, 128, 2), as many as `stft` was given."""
    if spectrum.shape[-3] != frames_of(samples):
        raise ValueError(f"{samples} samples have {frames_of(samples)} frames, got {spectrum.shape[-3]}")
    full: Complex64s = np.zeros((*spectrum.shape[:-2], BINS + 1), np.complex64)
    full[..., :BINS] = spectrum[..., 0] + 1j * spectrum[..., 1]
    frames = np.fft.irfft(full, WINDOW, axis=-1) * SHAPE
    weights = _added(np.broadcast_to(np.square(SHAPE), frames.shape[-2:]))
    kept = slice(_MARGIN, _MARGIN + samples)
    found = _added(frames)[..., kept]
    return np.asarray(found / np.maximum(weights[kept][: found.shape[-1]], 1e-8), np.float32)


def level_of(spectrum: Float32s) -> Float32s:
    """The RMS of a spectrum (frames, 128, 2) as the network wants it: (1, 1, 1)."""
    power = np.square(spectrum).sum(-1).mean(dtype=np.float64)
    return np.full((1, 1, 1), np.sqrt(power + 1e-8), np.float32)


def _added(frames: AnyFloats) -> Float64s:
    """Frames (..., T, 256) put one over the other, 128 apart."""
    count = frames.shape[-2]
    out: Float64s = np.zeros((*frames.shape[:-2], (count + 1) * HOP))
    halves = out.reshape(*frames.shape[:-2], count + 1, HOP)
    halves[..., :-1, :] += frames[..., :HOP]
    halves[..., 1:, :] += frames[..., HOP:]
    return out
