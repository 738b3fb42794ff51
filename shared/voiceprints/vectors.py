"""Voiceprints as they travel in events: base64 of little-endian float16 numbers."""

import base64

import numpy as np

from speakerline.shared.arrays import Float32s


def encode_vector(vector: Float32s) -> str:
    """Pack a voiceprint for an event: float16 loses less than 0.001 of cosine and halves the size."""
    return base64.b64encode(np.asarray(vector, "<f2").tobytes()).decode("ascii")


def decode_vector(text: str) -> Float32s:
    """Unpack `encode_vector`; the empty text gives an array of length 0."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) % 2:
        raise ValueError(f"a voiceprint is whole float16 numbers, got {len(raw)} bytes")
    return np.frombuffer(raw, "<f2").astype(np.float32)
