"""Reduces steady noise by a spectral gate (package noisereduce; T. Sainburg, "Finding, visualizing, and quantifying
latent structure", 2020)."""

import numpy as np

from speakerline.shared.arrays import Float32s

STRENGTH = 0.8
"""Share of the noise that is removed: removing all of it leaves artefacts that the models were not trained on."""
FLOOR_SHARE = 0.2
"""The quietest fifth of the frames is taken as the noise profile."""
FRAME_MS = 32


def denoised(samples: Float32s, sample_rate: int) -> Float32s:
    """The samples (n,), -1 to 1, with less stationary noise; the noise profile comes from their quietest frames.

    Deterministic. noisereduce imports torch where it is installed, without using it."""
    from noisereduce import reduce_noise

    size = FRAME_MS * sample_rate // 1000
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    power = np.einsum("ij,ij->i", frames, frames)
    sounding = np.flatnonzero(power > 0)
    wanted = max(8, round(FLOOR_SHARE * len(sounding)))
    if len(sounding) < 2 * wanted:
        return samples
    quietest = np.sort(sounding[np.argsort(power[sounding], kind="stable")[:wanted]])
    cleaned = reduce_noise(
        samples.astype(np.float64),
        sample_rate,
        stationary=True,
        y_noise=frames[quietest].ravel(),
        prop_decrease=STRENGTH,
        n_fft=size,
        chunk_size=None,
        padding=size,
    )
    return np.asarray(cleaned, np.float32)
