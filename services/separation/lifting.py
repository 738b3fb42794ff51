"""From the outputs of a separator to the voices of a region: which are there, when each is active, how good it is.

Pure. What of the sound is used for what:

    sound    |<── context ──>|<────── region ──────>|<─ context ─>|
    kept                   |<── margin + region + margin ──>|          what is stored of a voice
    active   |        ######################  ####                |    active frames: what its voiceprint stands for
"""

from dataclasses import dataclass

import numpy as np

from speakerline.services.separation.activity import FRAME_MS, active_frames, powers, spans_of
from speakerline.services.separation.quality import estimated_improvement_db, features
from speakerline.services.separation.regions import Region
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.voiceprints.segmentation import FIRST_CENTRE_S, FRAME_STEP_S, FRAMES, WINDOW_SAMPLES, pad_window

MARGIN_MS = 250
"""Sound kept on each side of a region, so that a word at its edge is whole."""
LEAST_ACTIVE_MS = 100
"""An output that is active for less in the region is no voice there."""
LEAST_SHARE_DB = -20.0
"""An output whose energy in the region is further below the mixture's is no voice there."""
LEAST_FRAMES = 18
"""0.3 s: less of a voice has no voiceprint."""
ENOUGH_FRAMES = 60
"""1 s: with so much of the voice in the region itself, its context is not needed."""


@dataclass(frozen=True, slots=True, eq=False)
class SeparatedVoice:
    """One voice: samples (n,) at the call's rate from start_ms to end_ms; when it is active, context included.

    piece: what to give an embedder, None where there is too little of the voice."""

    samples: Float32s
    start_ms: int
    end_ms: int
    spans_ms: list[int]
    improvement_db: float
    piece: tuple[Float32s, Bools] | None


def lift(region: Region, mixture: Float32s, outputs: Float32s, rate: int) -> list[SeparatedVoice]:
    """The voices among the outputs (voices, n) for a region's sound (n,), the loudest first; empty ones are dropped."""
    begin_ms, _ = region.sound_ms
    mixed, voiced = powers(mixture, rate), powers(outputs, rate)
    active = active_frames(mixed, voiced)
    inside = slice((region.start_ms - begin_ms) // FRAME_MS, (region.end_ms - begin_ms) // FRAME_MS)
    energy = voiced[:, inside].sum(axis=1)
    share_db = 10 * np.log10((energy + 1e-12) / (mixed[inside].sum() + 1e-12))
    there = (active[:, inside].sum(axis=1) * FRAME_MS >= LEAST_ACTIVE_MS) & (share_db >= LEAST_SHARE_DB)
    kept = [at for at in np.argsort(-energy, kind="stable").tolist() if there[at]]
    measured = features(mixture, outputs, rate, inside)
    start_ms, end_ms = max(begin_ms, region.start_ms - MARGIN_MS), min(region.end_ms + MARGIN_MS, region.sound_ms[1])
    cut = slice((start_ms - begin_ms) * rate // 1000, (end_ms - begin_ms) * rate // 1000)
    return [
        SeparatedVoice(
            outputs[at, cut],
            start_ms,
            end_ms,
            spans_of(active[at], begin_ms),
            estimated_improvement_db(measured, at),
            _piece(outputs[at], rate, active[at], inside),
        )
        for at in kept
    ]


def _piece(samples: Float32s, rate: int, active: Bools, inside: slice) -> tuple[Float32s, Bools] | None:
    """The 5 s around the region at 16 kHz with the frames in which the voice is active: in the region, and in its
    context where that is too little."""
    length = WINDOW_SAMPLES // 16 // FRAME_MS
    middle = (inside.start + inside.stop) // 2
    first = max(0, min(middle - length // 2, len(active) - length))
    around = slice(first * FRAME_MS * rate // 1000, (first + length) * FRAME_MS * rate // 1000)
    window = to_16khz(np.ascontiguousarray(samples[around]), rate)
    own = active.copy()
    own[: inside.start] = own[inside.stop :] = False
    padding_s = max(0.0, (WINDOW_SAMPLES - len(window)) / 16_000)
    for chosen in (own, active):
        mask = _frames(chosen[first : first + length], padding_s)
        if mask.sum() >= (ENOUGH_FRAMES if chosen is own else LEAST_FRAMES):
            return pad_window(window), mask
    return None


def _frames(active: Bools, padding_s: float) -> Bools:
    """Frames of 10 ms that begin after `padding_s` as the 293 frames of a window."""
    centres = FIRST_CENTRE_S + FRAME_STEP_S * np.arange(FRAMES) - padding_s
    places = np.floor(centres * 1000 / FRAME_MS).astype(int)
    known = (places >= 0) & (places < len(active))
    mask: Bools = np.zeros(FRAMES, np.bool_)
    mask[known] = active[places[known]]
    return mask
