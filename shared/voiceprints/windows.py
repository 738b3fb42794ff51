"""What the embedding stage says about one window of audio."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LocalVoice:
    """One voice inside one window; the next window numbers its voices anew.

    spans_ms: start, end, start, end, ... absolute milliseconds in which the voice is active, ascending and disjoint.
    clean_ms: how much lone speech (nobody else active) of this window the voiceprint stands for.
    vector: base64 of the float16 little-endian L2-normalised voiceprint; empty when too little was clean.
    """

    spans_ms: list[int] = field(default_factory=list)
    clean_ms: int = 0
    vector: str = ""


@dataclass(frozen=True)
class VoiceWindow:
    """All local voices of [start_ms, end_ms) on one channel."""

    channel: int
    start_ms: int
    end_ms: int
    voices: list[LocalVoice] = field(default_factory=list)


@dataclass(frozen=True)
class Overlap:
    """Two or more people speak at once in [start_ms, end_ms); voices: the most at one moment."""

    channel: int
    start_ms: int
    end_ms: int
    voices: int = 2


def encode_vector(vector: Floats) -> str:
    """Pack a voiceprint for an event: float16 loses less than 0.001 of cosine and halves the size."""
    return base64.b64encode(np.asarray(vector, "<f2").tobytes()).decode("ascii")


def decode_vector(text: str) -> Floats:
    """Unpack `encode_vector`; the empty text gives an array of length 0."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) % 2:
        raise ValueError(f"a voiceprint is whole float16 numbers, got {len(raw)} bytes")
    return np.frombuffer(raw, "<f2").astype(np.float32)
