"""What the stage asks a speech detector, whichever it is: a pure function of a state and whole chunks of sound."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speakerline.shared.arrays import Float32s

CHUNK_MS = 32
"""What a detector judges at once, at any rate. Chunk i of a channel is [32 i, 32 (i + 1)) ms."""

FRESH = b""
"""The state of a detector at the start of a call."""


def chunk_samples(sample_rate: int) -> int:
    """256 at 8 kHz, 512 at 16 kHz."""
    return CHUNK_MS * sample_rate // 1000


@dataclass(frozen=True, slots=True)
class Request:
    """The next chunks of one channel: float32 samples, -1 to 1, a multiple of `chunk_samples(sample_rate)`."""

    sample_rate: int
    state: bytes
    samples: Float32s


@dataclass(frozen=True, slots=True)
class Answer:
    """Probability of speech, 0 to 1, of each chunk, and the state behind the last."""

    probabilities: Float32s
    state: bytes


class Detector(Protocol):
    """A model. An answer depends on its request alone, bit for bit; the cut of chunks into requests changes nothing."""

    def run(self, requests: list[Request]) -> list[Answer]: ...


Detect = Callable[[Request], Awaitable[Answer]]
"""How the stage asks: a detector behind something that gathers the requests of many calls."""


def chunks_of(request: Request) -> Float32s:
    """The samples as a matrix [chunk, sample]. Raises ValueError where they are no whole chunks."""
    size = chunk_samples(request.sample_rate)
    if len(request.samples) % size:
        raise ValueError(f"{len(request.samples)} samples: expected a multiple of {size}")
    return np.ascontiguousarray(request.samples, np.float32).reshape(-1, size)
