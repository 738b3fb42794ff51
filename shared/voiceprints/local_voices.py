"""From a window's activity scores to its local voices and overlaps; pure."""

from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Bools, Float32s, Indices, Int64s
from speakerline.shared.contract.v1 import Overlap
from speakerline.shared.voiceprints.segmentation import FIRST_CENTRE_S, FRAME_STEP_S, FRAMES

ACTIVE = 0.5
"""A local speaker is active in a frame above this score."""

ONSET_MS = 50
"""The model marks a voice so long before it begins (median of simulated calls and the sample call); ends are right."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A local voice before it is embedded.

    active, clean: (293,) frames in which it speaks, and in which it speaks alone.
    spans_ms: the active frames as absolute start, end, start, end, ...
    """

    active: Bools
    clean: Bools
    spans_ms: list[int]


def frame_edges_ms(window_end_ms: int) -> Int64s:
    """The 294 borders of a window's frames in absolute ms; the outer frames reach the window's borders."""
    centres = FIRST_CENTRE_S + FRAME_STEP_S * (np.arange(FRAMES + 1) - 0.5)
    edges: Int64s = window_end_ms - 5000 + np.rint(centres * 1000).astype(np.int64)
    edges[0], edges[-1] = window_end_ms - 5000, window_end_ms
    return edges


def find_voices(scores: Float32s, start_ms: int, end_ms: int, min_active_frames: int = 4) -> list[Voice]:
    """Local voices of a window from its scores (293, 3).

    [start_ms, end_ms) is the audio of the window: frames before start_ms are padding and are ignored.
    A voice active in fewer than `min_active_frames` frames (17 ms each) is noise.
    """
    edges = frame_edges_ms(end_ms)
    active = (scores > ACTIVE) & (edges[1:] > start_ms)[:, None]
    alone = active.sum(axis=1) == 1
    voices = []
    for column in active.T:
        if column.sum() >= min_active_frames:
            voices.append(Voice(column, column & alone, _spans(edges, column, start_ms)))
    return voices


def find_overlaps(voices: list[Voice], channel: int, end_ms: int, from_ms: int, to_ms: int) -> list[Overlap]:
    """Spans of [from_ms, to_ms) in which two or more of the window's voices are active; they have no id yet."""
    if not voices:
        return []
    count = np.sum([voice.active for voice in voices], axis=0)
    borders = _borders(count >= 2)
    edges = np.clip(frame_edges_ms(end_ms)[borders], from_ms, to_ms)
    pieces = zip(borders[::2], borders[1::2], edges[::2], edges[1::2], strict=True)
    return [Overlap("", channel, int(a), int(b), int(count[i:j].max())) for i, j, a, b in pieces if b > a]


def _spans(edges: Int64s, active: Bools, start_ms: int) -> list[int]:
    """Start, end, start, end, ... in ms. What begins with the window may have begun before it."""
    spans = [max(int(edge), start_ms) for edge in edges[_borders(active)]]
    for at in range(0, len(spans), 2):
        if start_ms + ONSET_MS < spans[at] < spans[at + 1] - ONSET_MS:
            spans[at] += ONSET_MS
    return spans


def _borders(active: Bools) -> Indices:
    """Frame indices at which activity starts, ends, starts, ends, ..."""
    return np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
