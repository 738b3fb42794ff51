"""Probabilities of speech, chunk by chunk, to segments with a start and an end.

             p >= enter           150 ms of it: OPENED           p < leave
    quiet ────────────> rising ──────────────────> speaking <──────────────> pausing ──┐
      ^                   │                                   p >= enter               │
      ├─────p < leave─────┘                                                            │
      └──────────────────────────400 ms of it: CLOSED──────────────────────────────────┘

An open segment GREW in every chunk that passes a whole second of the call.
"""

from dataclasses import dataclass

from speakerline.services.vad.detector import CHUNK_MS
from speakerline.services.vad.settings import VadSettings
from speakerline.shared.contract.v1 import SpeechState

GROW_MS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What a chunk did to the segments: `number` counts the segments of the channel from 1."""

    state: SpeechState
    number: int
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Segmenter:
    """One channel. `rising_ms`: where a burst began that may be speech; `pause_ms`: where a pause began; -1 = none."""

    settings: VadSettings
    number: int = 0
    is_open: bool = False
    start_ms: int = 0
    rising_ms: int = -1
    pause_ms: int = -1
    last_end_ms: int = 0

    def push(self, start_ms: int, probability: float) -> Change | None:
        """The next chunk, which begins at `start_ms`, and what it changed."""
        if self.is_open:
            return self._within(start_ms, probability)
        return self._outside(start_ms, probability)

    def leap(self, start_ms: int, until_ms: int) -> list[tuple[int, Change]]:
        """Chunks without speech from `start_ms` to `until_ms`, at a cost that does not grow with them.

        Returns the changes, each with the start of its chunk."""
        changes = []
        while start_ms < until_ms and (self.is_open or self.rising_ms >= 0):
            change = self.push(start_ms, 0.0)
            if change:
                changes.append((start_ms, change))
            start_ms += CHUNK_MS
        return changes

    def end(self, end_ms: int) -> Change | None:
        """The sound ends at `end_ms`; an open segment ends with it."""
        if not self.is_open:
            return None
        return self._close(min(self.pause_ms, end_ms) if self.pause_ms >= 0 else end_ms)

    def interrupt(self, since_ms: int, now_ms: int) -> Change | None:
        """Something else than speech began at `since_ms`, as is known at `now_ms`: close what is open.

        A segment that was opened since then was a mistake: it ends where it began."""
        self.rising_ms = -1
        if not self.is_open:
            return None
        if self.start_ms >= since_ms:
            return self._close(self.start_ms)
        return self._close(self.pause_ms if self.pause_ms >= 0 else now_ms)

    def _outside(self, start_ms: int, probability: float) -> Change | None:
        if self.rising_ms < 0:
            if probability < self.settings.enter:
                return None
            self.rising_ms = start_ms
        elif probability < self.settings.leave:
            self.rising_ms = -1
            return None
        end_ms = start_ms + CHUNK_MS
        if end_ms - self.rising_ms < self.settings.min_speech_ms:
            return None
        self.number += 1
        self.is_open = True
        self.start_ms = max(self.rising_ms - self.settings.pre_roll_ms, self.last_end_ms)
        self.rising_ms = -1
        return Change(SpeechState.OPENED, self.number, self.start_ms, end_ms)

    def _within(self, start_ms: int, probability: float) -> Change | None:
        end_ms = start_ms + CHUNK_MS
        if probability >= self.settings.enter:
            self.pause_ms = -1
        elif probability < self.settings.leave and self.pause_ms < 0:
            self.pause_ms = start_ms
        if self.pause_ms >= 0 and end_ms - self.pause_ms >= self.settings.max_pause_ms:
            return self._close(self.pause_ms)
        if start_ms // GROW_MS == end_ms // GROW_MS:
            return None
        so_far = self.pause_ms if self.pause_ms >= 0 else end_ms
        return Change(SpeechState.GREW, self.number, self.start_ms, so_far)

    def _close(self, end_ms: int) -> Change:
        self.is_open = False
        self.pause_ms = -1
        self.last_end_ms = end_ms
        return Change(SpeechState.CLOSED, self.number, self.start_ms, end_ms)
