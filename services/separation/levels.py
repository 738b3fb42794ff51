"""Levels of separated voices whose network knows none: training by SI-SDR leaves the scale of an output open; pure."""

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s

RIDGE = 0.01
"""Of the mean energy of the outputs: one that is nearly empty is not blown up to explain what the others missed."""
MODEL_RMS = 0.05
"""About that of the recordings that the published models were trained on."""

LEAST_S = 0.1
"""Of sound that is shorter they make nothing."""


def levelled(mixture: Float32s) -> Float32s:
    """The mixture at the level that the published models know; silence stays silence."""
    rms = float(np.sqrt(np.square(mixture, dtype=np.float64).mean())) if len(mixture) else 0.0
    return np.asarray(mixture * (MODEL_RMS / rms), np.float32) if rms > 1e-7 else mixture


def fitted(outputs: Float32s, mixture: Float32s) -> Float32s:
    """Each of the outputs (voices, n) by a factor of its own, so that their sum is nearest to the mixture (n,)."""
    basis: Float64s = outputs.astype(np.float64)
    gram = basis @ basis.T
    energy = float(np.trace(gram)) / len(outputs)
    if not energy:
        return outputs
    gains = np.linalg.solve(gram + RIDGE * energy * np.eye(len(outputs)), basis @ mixture.astype(np.float64))
    return np.asarray(basis * gains[:, None], np.float32)
