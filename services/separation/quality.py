"""Estimates how much better a separated voice is than the mixture, without the truth; pure.

Linear in what the outputs themselves show. The weights are learned from simulated calls of people that the network
was not trained on, anew for every network: `python -m speakerline.tools.lab.separation_gain DATA --fit`.
"""

from functools import cache
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s

WEIGHTS = Path(__file__).with_name("quality.npz")
LEAST_DB, MOST_DB = -5.0, 20.0
"""An output that is nobody's counts as LEAST_DB."""
RIDGE = 3.0
_FRAME_S = 0.032


def features(mixture: Float32s, outputs: Float32s, rate: int, inside: slice) -> Float64s:
    """(voices, 5) of outputs (voices, n) in frames `inside` of 10 ms.

    1; blur: share of the energy that lies where another output has energy too; louder_db: its level against all
    others; left_db: what no output explains of the mixture, against the mixture; alike: correlation with the loudest
    other output."""
    cut = slice(inside.start * rate // 100, max(inside.stop * rate // 100, inside.start * rate // 100 + 1))
    mixed, voices = mixture[cut].astype(np.float64), outputs[:, cut].astype(np.float64)
    energy = np.square(voices).sum(axis=1) + 1e-9
    left_db = 10 * np.log10((np.square(mixed - voices.sum(axis=0)).sum() + 1e-9) / (np.square(mixed).sum() + 1e-9))
    spectra = _spectra(voices, rate)
    found = []
    for at in range(len(voices)):
        others = [other for other in range(len(voices)) if other != at]
        rest = spectra[others].sum(axis=0)
        blur = float((spectra[at] * rest / (spectra[at] + rest + 1e-12)).sum() / (spectra[at].sum() + 1e-12))
        louder_db = 10 * np.log10(energy[at] / energy[others].sum()) if others else 0.0
        loudest = max(others, key=lambda other: energy[other], default=at)
        alike = abs(float(voices[at] @ voices[loudest])) / np.sqrt(energy[at] * energy[loudest])
        found.append([1.0, blur, np.clip(louder_db, -20, 20), np.clip(left_db, -40, 0), alike])
    return np.array(found)


def estimated_improvement_db(measured: Float64s, voice: int) -> float:
    """In dB of SI-SDR, from `features`."""
    return round(float(np.clip(measured[voice] @ _weights(), LEAST_DB, MOST_DB)), 1)


def learned(measured: Float64s, improvements_db: Float64s) -> Float64s:
    """Weights (5,) of rows of `features` (n, 5) with known improvements (n,): ridge regression on standardised
    columns."""
    centre, spread = measured[:, 1:].mean(axis=0), np.maximum(measured[:, 1:].std(axis=0), 1e-6)
    rows = (measured[:, 1:] - centre) / spread
    inverse = np.linalg.inv(rows.T @ rows + RIDGE * np.eye(rows.shape[1]))
    slopes = inverse @ rows.T @ (improvements_db - improvements_db.mean()) / spread
    return np.array([improvements_db.mean() - centre @ slopes, *slopes])


@cache
def _weights() -> Float64s:
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return np.asarray(stored["weights"], np.float64)


def _spectra(voices: Float64s, rate: int) -> Float64s:
    """Power (voices, frames, bins)."""
    size = round(_FRAME_S * rate)
    padded = np.pad(voices, ((0, 0), (0, max(0, size - voices.shape[1]))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, :: size // 2]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(size), axis=2)) ** 2)
