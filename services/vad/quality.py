"""What is wrong with the sound of a line: it is dead, or it is overdriven. Judged chunk by chunk."""

from dataclasses import dataclass

import numpy as np

from speakerline.services.vad.detector import CHUNK_MS
from speakerline.services.vad.settings import VadSettings
from speakerline.shared.arrays import Bools, Int16s, Int64s
from speakerline.shared.contract.v1 import Clipping, Silence

CLIPPING_CHUNKS = 32
"""Clipping is judged over spans of this many chunks, 1024 ms, counted from the start of the call."""


def quiet_chunks(chunks: Int16s, silence_dbfs: float) -> Bools:
    """Which of [chunk, sample] have an RMS level of at most `silence_dbfs` about their mean: an offset is no sound.

    Sums of squares are exact in float64, so the answer does not depend on how many chunks are asked about at once."""
    loudest = (32768 * 10 ** (silence_dbfs / 20)) ** 2 * chunks.shape[1]
    values = chunks - chunks.mean(axis=1, keepdims=True)
    quiet: Bools = np.einsum("ij,ij->i", values, values) <= loudest
    return quiet


def clipped_samples(chunks: Int16s, full_scale: int) -> Int64s:
    """How many samples of each of [chunk, sample] are at full scale."""
    if chunks.max(initial=0) < full_scale and chunks.min(initial=0) > -full_scale:
        return np.zeros(len(chunks), np.int64)
    clipped: Int64s = ((chunks >= full_scale) | (chunks <= -full_scale)).sum(axis=1)
    return clipped


@dataclass(slots=True)
class SilenceWatch:
    """Reports silence once it has lasted `silence_ms`, then in adjoining pieces of that length, and the rest at last.

    `since` is the first quiet chunk not reported yet, -1 = the line is not quiet."""

    settings: VadSettings
    channel: int
    since: int = -1
    reported: bool = False

    def push(self, chunk: int, quiet: bool) -> Silence | None:
        """Chunk number `chunk`; an incomplete one is not quiet."""
        if not quiet:
            return self.end(chunk)
        if self.since < 0:
            self.since = chunk
        if (chunk + 1 - self.since) * CHUNK_MS < self.settings.silence_ms:
            return None
        found = Silence(self.channel, self.since * CHUNK_MS, (chunk + 1) * CHUNK_MS)
        self.since = chunk + 1
        self.reported = True
        return found

    def end(self, chunk: int) -> Silence | None:
        """The line is not quiet from `chunk` on."""
        found = None
        if self.reported and self.since < chunk:
            found = Silence(self.channel, self.since * CHUNK_MS, chunk * CHUNK_MS)
        self.since = -1
        self.reported = False
        return found


@dataclass(slots=True)
class ClippingWatch:
    """Reports each span in which more than `clipping_ratio` of the samples that came in are at full scale."""

    settings: VadSettings
    channel: int
    heard: int = 0
    clipped: int = 0

    def push(self, chunk: int, heard: int, clipped: int) -> Clipping | None:
        """Chunk number `chunk`, with so many samples that came in, and so many of them at full scale."""
        self.heard += heard
        self.clipped += clipped
        return self.end(chunk + 1) if (chunk + 1) % CLIPPING_CHUNKS == 0 else None

    def end(self, chunk: int) -> Clipping | None:
        """The span ends before `chunk`."""
        ratio = self.clipped / self.heard if self.heard else 0.0
        self.heard = self.clipped = 0
        if ratio < self.settings.clipping_ratio:
            return None
        start = (chunk - 1) // CLIPPING_CHUNKS * CLIPPING_CHUNKS
        return Clipping(self.channel, start * CHUNK_MS, chunk * CHUNK_MS, round(ratio, 4))
