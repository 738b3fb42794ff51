"""The sound of one channel on its way into files: frames in order become stretches of samples. No I/O."""

from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Int16s
from speakerline.shared.audio.pcm import InvalidAudio, decode_frame
from speakerline.shared.contract.v1 import Encoding

STRETCH_S = 20
"""The longest stretch of one file: so much sound is in memory, and so much is read again after a crash."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples (n,) that begin at `start`, to be written to a file of their own."""

    start: int
    samples: Int16s

    @property
    def end(self) -> int:
        return self.start + len(self.samples)


class ChannelSound:
    """`written`: the position up to which files have the sound; frames that end before it are repeats."""

    def __init__(self, sample_rate: int, encoding: Encoding, written: int = 0) -> None:
        self._longest = STRETCH_S * sample_rate
        self._encoding = encoding
        self._start = self._end = written
        self._held: list[Int16s] = []
        self._ready: list[Piece] = []

    @property
    def end(self) -> int:
        """The position after the last sample that came."""
        return self._end

    def push(self, end: int, pcm: bytes) -> None:
        """A frame that ends at this position. What is no sound of the encoding is missing, as it is on the timeline."""
        try:
            samples = decode_frame(pcm, self._encoding)
        except InvalidAudio:
            return
        if end <= self._end:
            return
        start = end - len(samples)
        if start > self._end:
            self.flush()
            self._start = self._end = start
        self._held.append(samples[max(0, self._end - start) :])
        self._end = end
        if self._end - self._start >= self._longest:
            self.flush()

    def flush(self) -> None:
        """What came so far goes into a file."""
        if self._held:
            self._ready.append(Piece(self._start, np.concatenate(self._held)))
            self._held = []
        self._start = self._end

    def take(self) -> list[Piece]:
        """What is to be written now."""
        ready, self._ready = self._ready, []
        return ready
