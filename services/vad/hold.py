"""Music and speech of one channel together: where there is music there is no speech, and speech over music ends it.

    music begins ──> an open segment closes; what opened within the music closes with length 0
    music ends   ──> the chunks since then are given to the segmenter at once: speech starts where it really did

Music is detected 3 s late, so it begins in the past. Its end is detected up to 1.6 s late.
"""

from speakerline.services.vad.detector import CHUNK_MS
from speakerline.services.vad.music import MusicWatch
from speakerline.services.vad.segmenter import Change, Segmenter
from speakerline.shared.arrays import Float32s

Chunks = tuple[int, int]
"""From a chunk to before another."""


class Hold:
    """Stands before the segmenter of a channel that may be on hold."""

    def __init__(self, segmenter: Segmenter, sample_rate: int) -> None:
        self.watch = MusicWatch(sample_rate)
        self._segmenter = segmenter

    def push(self, chunk: int, samples: Float32s, probability: float) -> tuple[list[Change], list[Chunks]]:
        """Chunk number `chunk`, -1 to 1: what it changed about speech, and music that is certain now."""
        verdict = self.watch.push(chunk, samples, probability)
        if verdict.began >= 0:
            return self._begin(chunk, verdict.began), []
        if verdict.ended >= 0:
            return self._resume(chunk, verdict.ended), _pieces(self.watch.since, verdict.ended)
        if self.watch.on:
            piece = self.watch.report(chunk)
            return [], [piece] if piece else []
        change = self._segmenter.push(chunk * CHUNK_MS, probability)
        return [change] if change else [], []

    def end(self, chunk: int) -> list[Chunks]:
        """There is no audio from `chunk` on: music, if any, ends there, and the state is reset."""
        pieces = _pieces(self.watch.since, chunk) if self.watch.on else []
        self.watch.reset()
        return pieces

    def _begin(self, chunk: int, began: int) -> list[Change]:
        change = self._segmenter.interrupt(began * CHUNK_MS, (chunk + 1) * CHUNK_MS)
        if self._segmenter.start_ms < began * CHUNK_MS < self._segmenter.last_end_ms:
            self.watch.since = -(-self._segmenter.last_end_ms // CHUNK_MS)
        return [change] if change else []

    def _resume(self, chunk: int, ended: int) -> list[Change]:
        segmenter = self._segmenter
        segmenter.last_end_ms = max(segmenter.last_end_ms, ended * CHUNK_MS)
        missed = self.watch.probabilities(chunk + 1 - ended)
        changes = [segmenter.push((ended + i) * CHUNK_MS, probability) for i, probability in enumerate(missed)]
        return [change for change in changes if change]


def _pieces(start: int, end: int) -> list[Chunks]:
    return [(start, end)] if start < end else []
