"""When each output of a separator carries a voice, and what its sound says about how good it is; pure.

A frame is 10 ms. An output is a voice where it is loud against itself, against the mixture, and against the noise.
"""

import numpy as np

from speakerline.shared.arrays import Bools, Float32s, Float64s

FRAME_MS = 10

BELOW_OWN_DB = 25.0
BELOW_MIXTURE_DB = 13.0
ABOVE_NOISE_DB = 6.0
GAP_FRAMES, BLIP_FRAMES = 15, 8
"""Pauses that are filled, and bursts that are dropped, when shorter."""


def powers(samples: Float32s, rate: int) -> Float64s:
    """(..., n) to mean power (..., frames), smoothed over 30 ms."""
    size = rate * FRAME_MS // 1000
    count = samples.shape[-1] // size
    framed = np.square(samples[..., : count * size].astype(np.float64)).reshape(*samples.shape[:-1], count, size)
    power = np.pad(framed.mean(-1), [(0, 0)] * (samples.ndim - 1) + [(1, 1)], mode="edge")
    return np.asarray((power[..., :-2] + power[..., 1:-1] + power[..., 2:]) / 3)


def active_frames(mixture: Float64s, voices: Float64s) -> Bools:
    """(voices, frames) from the powers (frames,) and (voices, frames)."""
    if not mixture.size:
        return np.zeros(voices.shape, np.bool_)
    noise = min(float(np.quantile(mixture, 0.05)), float(mixture.max()) / 300)
    own = np.quantile(voices, 0.95, axis=1, keepdims=True) * 10 ** (-BELOW_OWN_DB / 10)
    loud = (voices > own) & (voices > mixture * 10 ** (-BELOW_MIXTURE_DB / 10))
    loud &= voices > noise * 10 ** (ABOVE_NOISE_DB / 10)
    return np.stack([_smoothed(row) for row in loud])


def spans_of(active: Bools, start_ms: int) -> list[int]:
    """Start, end, start, end, ... in ms of the active frames (frames,) of sound that begins at `start_ms`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return [start_ms + int(edge) * FRAME_MS for edge in edges]


def _smoothed(row: Bools) -> Bools:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    out: Bools = np.zeros_like(row)
    begin = end = -1
    for first, last in [*zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True), (len(row) + GAP_FRAMES, 0)]:
        if begin >= 0 and first - end < GAP_FRAMES:
            end = last
            continue
        if end - begin >= BLIP_FRAMES:
            out[begin:end] = True
        begin, end = first, last
    return out
