"""What a channel's clustering remembers: its last windows in blocks of sixteen, and their tracklets.

    windows   |  0 ... 15 | 16 ... 31 | 32 .. 40
    blocks      (settled)       1          2      <- only the last block grows

Everything else here is computed from the windows, in order, so a restored history equals the one that was stored.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from speakerline.services.clustering.tracklets import MAX_WINDOWS, Spans, active_ms, link, shared_ms
from speakerline.shared.arrays import Float32s, Float64s, Int64s
from speakerline.shared.blocks import Blocks
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow
from speakerline.shared.voiceprints.vectors import decode_vector

BLOCK = 16
BESIDE_MS = 800
BESIDE_MIN_MS = 400
"""Two voices of a window are surely different when both have BESIDE_MS of clean speech, and less surely with less."""
QUALITY_CAP_MS = 3_200
RECENT_MS = 3_000
"""The end of a window that its voiceprints are mostly made of: those of a tracklet are the last 2 s of two windows."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedWindow:
    """A window with, for each voice, its tracklet, the full tracklet that this one goes on from (or -1), its lone
    speech that no earlier window had (ms), and its voiceprint."""

    window: VoiceWindow
    tracklets: list[int]
    follows: list[int]
    lone_ms: list[int]
    vectors: list[Float32s]


@dataclass(frozen=True, slots=True)
class _Stored:
    window: VoiceWindow
    tracklets: list[int]
    follows: list[int]
    lone_ms: list[int]


_BLOCK = TypeAdapter(list[_Stored])


class History:
    """The retained windows of one channel, ascending; tracklets are numbered 0, 1, ... through the whole call."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.retained: list[TrackedWindow] = []
        self.first = 0
        """The number of the first one retained, a multiple of BLOCK."""
        self.next_tracklet = 0
        self._blocks = Blocks("history", BLOCK, _BLOCK)
        self._tally()

    def append(self, window: VoiceWindow) -> TrackedWindow:
        """Remember a window and link its voices to the last window's."""
        last = self.retained[-1] if self.retained else None
        if last is not None and window.end_ms <= last.window.end_ms:
            raise ValueError(f"windows must come in order: {window.end_ms} ms after {last.window.end_ms} ms")
        spans = [voice.spans_ms for voice in window.voices]
        links, known_ms = [-1] * len(spans), 0
        if last is not None:
            known_ms = last.window.end_ms
            links = link([voice.spans_ms for voice in last.window.voices], spans, window.start_ms, known_ms)
        tracklets, follows = [], []
        for before in links:
            tracklet, full = last.tracklets[before] if last is not None and before >= 0 else -1, -1
            if tracklet >= 0 and self.windows[tracklet - self.first_tracklet] >= MAX_WINDOWS:
                tracklet, full = -1, tracklet
            if tracklet < 0:
                tracklet, self.next_tracklet = self.next_tracklet, self.next_tracklet + 1
            tracklets.append(tracklet)
            follows.append(full)
        vectors = [self._vector(voice) for voice in window.voices]
        lone_ms = [_lone_ms(spans, own, known_ms) for own in range(len(spans))]
        one = TrackedWindow(window, tracklets, follows, lone_ms, vectors)
        self._blocks.touch(self.first + len(self.retained))
        self.retained.append(one)
        self._count(one)
        return one

    @property
    def tracklets(self) -> int:
        """How many tracklets are retained."""
        return len(self.windows)

    def means(self) -> Float64s:
        """(n, size) mean voiceprint of every retained tracklet, weighted by clean speech; zero where there is none."""
        sums = np.array(self._sums).reshape(len(self._sums), self.size)
        return np.asarray(sums / np.maximum(np.array(self._weights), 1e-9)[:, None])

    def spans(self) -> tuple[Int64s, Int64s, Int64s, Int64s]:
        """All retained spans (n, 2) in ms, the place of the tracklet of each (n,), where the recent part of its window
        begins (n,), and what each window covers (m, 2) in ms."""
        kept = (self._spans, self._owners, self._recent, self._bounds)
        spans, owners, recent, bounds = (np.array(data, np.int64) for data in kept)
        return spans.reshape(-1, 2), owners, recent, bounds.reshape(-1, 2)

    def beside(self) -> Float64s:
        """(n, n) in how many windows two tracklets were different voices; less sure ones count less."""
        return self._matrix(self._pairs)

    def followed(self) -> Float64s:
        """(n, n) 1 where a tracklet goes on in another one, as the segmentation hears it."""
        return self._matrix(self._chained)

    def drop_block(self) -> list[TrackedWindow]:
        """Forget the oldest block and return it; tracklets that live on in later blocks keep only what those say."""
        dropped, self.retained = self.retained[:BLOCK], self.retained[BLOCK:]
        self.first += BLOCK
        self._tally()
        return dropped

    def dump(self) -> dict[str, bytes]:
        """The stored form of every retained window."""
        return self._blocks.write(range(self.first, self.first + len(self.retained)), self._stored)

    def load(self, parts: Mapping[str, bytes], next_tracklet: int) -> None:
        """Become the history whose `dump()` these parts hold."""
        stored = list(self._blocks.read(parts))
        self.first = stored[0][0] if stored else 0
        self.retained = [
            TrackedWindow(
                one.window, one.tracklets, one.follows, one.lone_ms, [self._vector(v) for v in one.window.voices]
            )
            for _, one in stored
        ]
        self.next_tracklet = next_tracklet
        self._tally()

    def _stored(self, number: int) -> _Stored:
        one = self.retained[number - self.first]
        return _Stored(one.window, one.tracklets, one.follows, one.lone_ms)

    def _tally(self) -> None:
        """Compute the tracklets from the retained windows."""
        self.first_tracklet = min((t for one in self.retained for t in one.tracklets), default=self.next_tracklet)
        self._sums: list[Float64s] = []
        self._weights: list[float] = []
        self.mass_s: list[float] = []
        self.windows: list[int] = []
        self._pairs: dict[tuple[int, int], float] = {}
        self._chained: dict[tuple[int, int], float] = {}
        self._spans, self._owners, self._recent, self._bounds = array("q"), array("q"), array("q"), array("q")
        for one in self.retained:
            self._count(one)

    def _count(self, added: TrackedWindow) -> None:
        places = [tracklet - self.first_tracklet for tracklet in added.tracklets]
        self._bounds.extend((added.window.start_ms, added.window.end_ms))
        for place, voice, lone_ms, vector in zip(
            places, added.window.voices, added.lone_ms, added.vectors, strict=True
        ):
            while place >= len(self.windows):
                self._sums.append(np.zeros(self.size))
                self._weights.append(0.0)
                self.mass_s.append(0.0)
                self.windows.append(0)
            self.windows[place] += 1
            self._spans.extend(voice.spans_ms)
            self._owners.extend([place] * (len(voice.spans_ms) // 2))
            self._recent.extend([added.window.end_ms - RECENT_MS] * (len(voice.spans_ms) // 2))
            if len(vector):
                weight = min(voice.clean_ms, QUALITY_CAP_MS) / 1000
                self._sums[place] = self._sums[place] + weight * vector
                self._weights[place] += weight
                self.mass_s[place] += lone_ms / 1000
        for place, full in zip(places, added.follows, strict=True):
            if full >= self.first_tracklet:
                self._chained[full - self.first_tracklet, place] = 1.0
        clear = [(place, voice.clean_ms) for place, voice in zip(places, added.window.voices, strict=True)]
        for at, (one, own_ms) in enumerate(clear):
            for other, other_ms in clear[:at]:
                if one != other and min(own_ms, other_ms) >= BESIDE_MIN_MS:
                    pair = (min(one, other), max(one, other))
                    weight = min(own_ms, other_ms, BESIDE_MS) / BESIDE_MS
                    self._pairs[pair] = self._pairs.get(pair, 0.0) + weight

    def _matrix(self, pairs: Mapping[tuple[int, int], float]) -> Float64s:
        matrix: Float64s = np.zeros((self.tracklets, self.tracklets))
        for (one, other), count in pairs.items():
            matrix[one, other] = matrix[other, one] = count
        return matrix

    def _vector(self, voice: LocalVoice) -> Float32s:
        vector = decode_vector(voice.voiceprint)
        if len(vector) not in (0, self.size):
            raise ValueError(f"a voiceprint of this calibration has {self.size} numbers, got {len(vector)}")
        return vector


def _lone_ms(spans: list[list[int]] | list[Spans], own: int, from_ms: int) -> int:
    """New speech of one voice while no other voice is active."""
    beside = sum(shared_ms(spans[own], other, from_ms) for at, other in enumerate(spans) if at != own)
    return max(0, active_ms(spans[own], from_ms) - beside)
