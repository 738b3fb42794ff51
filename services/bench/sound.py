"""The sound of the calls that are played: the sample call of the pyannote.audio package as G.711, turned each time."""

from functools import cache

import numpy as np
import soxr

from services.cli.file_commands import sample_call
from services.media.reading import open_recording
from shared.audio.pcm import encode, to_int16
from shared.contract.v1 import CallStarted, Encoding

SAMPLE_RATE = 8000
TURN_S = 7.3
"""Call n starts n times this far into the sample, so that no two neighbours say the same at the same time."""


def announcement(call_id: str) -> CallStarted:
    """A mono telephone call: 8 kHz mu-law."""
    return CallStarted(call_id=call_id, sample_rate=SAMPLE_RATE, encoding=Encoding.MULAW, channels=1)


class CallSound:
    """Endless sound of one call: the sample again and again, from a place of its own."""

    def __init__(self, number: int, frame_ms: int) -> None:
        self._sample = _sample()
        self._at = int(number * TURN_S * SAMPLE_RATE) % len(self._sample)
        self._size = frame_ms * SAMPLE_RATE // 1000

    def frame(self) -> bytes:
        """The next frame."""
        piece = self._sample[self._at : self._at + self._size]
        self._at += self._size
        while len(piece) < self._size:
            self._at = self._size - len(piece)
            piece += self._sample[: self._at]
        return piece


@cache
def _sample() -> bytes:
    recording = open_recording(sample_call())
    sound = recording.read()[0]
    narrow = np.asarray(soxr.resample(sound, recording.sample_rate, SAMPLE_RATE), np.float32)
    return encode(to_int16(np.clip(narrow, -1, 1)), Encoding.MULAW)
