"""Finds music on hold: sound whose tones last, that hardly pauses, and in which nobody speaks.

    chunk ──> peaks of its spectrum ──> how many were there 0.25 s ago, too ──┐
          ──> power, probability of speech ───────────────────────────────────┴─> a window of 3.2 s ──> on, off

Tones of music stay where they are, those of a voice glide: K. Seyerlehner et al., "Automatic music detection in
television productions" (DAFx 2007). Speech pauses at every syllable, music does not: E. Scheirer and M. Slaney,
"Construction and evaluation of a robust multifeature speech/music discriminator" (1997). Where music began and ended is
the point that parts best what has lasting tones from what has not (E. S. Page, "Continuous inspection schemes", 1954).
Speech over music is speech. The ranges beside the constants were measured on real calls and tools/simulate/music.py.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from speakerline.services.vad.detector import CHUNK_MS, chunk_samples
from speakerline.shared.arrays import Bools, Float32s, Float64s, UInt8s

WINDOW = 100
"""Chunks of 32 ms from which music is detected."""
RECENT = 50
"""Chunks from which its end is detected; music is reported only up to this many chunks before now."""
DECIDE_EVERY = 5
"""Chunks between two decisions."""
LASTING = 8
"""Chunks for which a tone must stay."""
QUIETEST_DBFS = -50.0
"""Level of a window, and QUIET_CHUNK_DBFS of a chunk, below which there is no music."""
QUIET_CHUNK_DBFS = -55.0
PEAK_DB = 6.0
"""How far a peak stands out of the 164 Hz around it."""
ENTER, LEAVE = 0.28, 0.18
"""Shares of lasting peaks at which music begins and ends. Voices have at most 0.28 in 95 % of their
windows, and 0.22 in most collections."""
MOST_PAUSES = 0.33
"""Share of chunks of less than a quarter of the mean power. Speech has 0.3 to 0.9, music 0 to 0.3."""
MOST_CHANGE = 0.9
"""Standard deviation of the log power of bands. Speech has 0.8 to 3, music 0.1 to 0.8."""
LEAST_MOVEMENT = 0.25
"""How much the tones of the two halves of a window differ, 0 to 1: less has a machine that hums."""
SPOKEN = 0.5
"""A chunk with this probability of speech is spoken."""
MOST_SPOKEN = 0.15
"""Share of spoken chunks in a window up to which music may begin."""
SPEECH_SPAN, SPEECH_SHARE = 32, 0.5
"""Share of spoken chunks among the last 32 that is speech over music, and ends it."""
REPORT_MS = 5_000
"""Music that lasts is reported in adjoining pieces of this length."""

_CONTEXT = 3
_LOW, _HIGH, _AROUND = 26, 436, 10
_BANDS = ((26, 60), (60, 110), (110, 180), (180, 280), (280, 436))
_COLUMNS = 4 + len(_BANDS)
_POWER, _PEAKS, _LASTED, _SPEECH = range(4)
_BITS = (_HIGH - _LOW + 7) // 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a chunk changed: music goes on from `began`, or went until `ended`, both in chunks; -1 = nothing."""

    began: int = -1
    ended: int = -1


class MusicWatch:
    """One channel. `on`: there is music now, reported up to chunk `since`."""

    def __init__(self, sample_rate: int) -> None:
        self._size = chunk_samples(sample_rate)
        self._hann = np.hanning((_CONTEXT + 1) * self._size)
        self._scale = 8000 / sample_rate
        self.reset()

    def reset(self) -> None:
        """Back to the start of a call."""
        self.on = False
        self.since = 0
        self._heard = 0
        self._sound: Float32s = np.zeros(_CONTEXT * self._size, np.float32)
        self._rows: Float32s = np.zeros((WINDOW, _COLUMNS), np.float32)
        self._peaks: UInt8s = np.zeros((WINDOW, _BITS), np.uint8)

    def push(self, chunk: int, samples: Float32s, probability: float) -> Verdict:
        """Chunk number `chunk`, -1 to 1, and how probable speech is in it."""
        self._listen(samples, probability)
        if (chunk + 1) % DECIDE_EVERY:
            return Verdict()
        if self.on:
            return self._leave(chunk) if self._is_over() else Verdict()
        if self._heard >= WINDOW and self._is_music():
            began = chunk + 1 - _best_suffix(self._lasting() - LEAVE)
            self.on, self.since = True, began
            return Verdict(began=began)
        return Verdict()

    def report(self, chunk: int) -> tuple[int, int] | None:
        """Behind chunk `chunk`: chunks of music that are certain by now and not reported yet, once they are many."""
        certain = chunk + 1 - RECENT
        if not self.on or (certain - self.since) * CHUNK_MS < REPORT_MS:
            return None
        piece = self.since, certain
        self.since = certain
        return piece

    def probabilities(self, count: int) -> list[float]:
        """Those of speech of the last `count` chunks, at most WINDOW."""
        return [float(value) for value in self._rows[WINDOW - count :, _SPEECH]]

    def _listen(self, samples: Float32s, probability: float) -> None:
        sound = np.concatenate([self._sound, samples])
        self._sound = sound[self._size :]
        power = float(np.einsum("i,i->", samples, samples, dtype=np.float64)) / self._size
        spectrum = np.fft.rfft(sound * self._hann)[: _HIGH + _AROUND] * self._scale
        strength = spectrum.real**2 + spectrum.imag**2
        peaks = np.packbits(_peaks(strength)) if power > 10 ** (QUIET_CHUNK_DBFS / 10) else np.zeros(_BITS, np.uint8)
        row = np.empty(_COLUMNS, np.float32)
        row[_POWER], row[_SPEECH] = power, probability
        row[_PEAKS] = np.unpackbits(peaks).sum()
        row[_LASTED] = np.unpackbits(peaks & self._peaks[-LASTING]).sum()
        row[_SPEECH + 1 :] = [np.log10(strength[low:high].sum() + 1e-6) for low, high in _BANDS]
        self._rows = np.concatenate([self._rows[1:], row[None]])
        self._peaks = np.concatenate([self._peaks[1:], peaks[None]])
        self._heard = min(self._heard + 1, WINDOW)

    def _is_music(self) -> bool:
        power = self._rows[:, _POWER].astype(np.float64)
        mean = float(power.mean())
        if mean < 10 ** (QUIETEST_DBFS / 10) or (self._rows[:, _SPEECH] >= SPOKEN).mean() > MOST_SPOKEN:
            return False
        return (
            _share(self._rows) >= ENTER
            and float((power < mean / 4).mean()) <= MOST_PAUSES
            and float(self._rows[:, _SPEECH + 1 :].std(axis=0).mean()) <= MOST_CHANGE
            and self._movement() >= LEAST_MOVEMENT
        )

    def _movement(self) -> float:
        """Distance of the tones of the two halves of the window, 0 to 1 (one less the weighted Jaccard index)."""
        bits = np.unpackbits(self._peaks, axis=1).astype(np.float64)
        first, second = bits[: WINDOW // 2].sum(axis=0), bits[WINDOW // 2 :].sum(axis=0)
        return 1 - float(np.minimum(first, second).sum() / max(np.maximum(first, second).sum(), 1.0))

    def _is_over(self) -> bool:
        recent = self._rows[-RECENT:]
        quiet = float(recent[:, _POWER].mean()) < 10 ** (QUIETEST_DBFS / 10)
        spoken = float((self._rows[-SPEECH_SPAN:, _SPEECH] >= SPOKEN).mean())
        return quiet or _share(recent) < LEAVE or spoken >= SPEECH_SHARE

    def _leave(self, chunk: int) -> Verdict:
        self.on = False
        kept = RECENT - _best_suffix(LEAVE - self._lasting()[-RECENT:])
        return Verdict(ended=max(self.since, chunk + 1 - RECENT + kept))

    def _lasting(self) -> Float64s:
        """Per chunk, the share of its peaks that lasted; a spoken chunk has none."""
        rows = self._rows.astype(np.float64)
        share = rows[:, _LASTED] / np.maximum(rows[:, _PEAKS], 1.0)
        return np.where(rows[:, _SPEECH] >= SPOKEN, -1.0, share)


def save(watch: MusicWatch) -> dict[str, bytes]:
    """The state in named parts."""
    state = {"on": watch.on, "since": watch.since, "heard": watch._heard}
    return {
        "state": json.dumps(state).encode(),
        "sound": watch._sound.astype("<f4").tobytes(),
        "rows": watch._rows.astype("<f4").tobytes(),
        "peaks": watch._peaks.tobytes(),
    }


def restore(watch: MusicWatch, parts: Mapping[str, bytes]) -> None:
    """Put a new watch where the saved one was."""
    state = json.loads(parts["state"])
    watch.on, watch.since, watch._heard = state["on"], state["since"], state["heard"]
    watch._sound = np.frombuffer(parts["sound"], "<f4").astype(np.float32)
    watch._rows = np.frombuffer(parts["rows"], "<f4").astype(np.float32).reshape(WINDOW, _COLUMNS)
    watch._peaks = np.frombuffer(parts["peaks"], np.uint8).reshape(WINDOW, _BITS).copy()


def _peaks(strength: Float64s) -> Bools:
    """Which bins stand out of their neighbourhood."""
    level = 10 * np.log10(strength[_LOW - _AROUND :] + 1e-14)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    width = 2 * _AROUND + 1
    around = (sums[width:] - sums[:-width]) / width
    inner = level[_AROUND : _AROUND + len(around)]
    found: Bools = inner - around > PEAK_DB
    return found


def _share(rows: Float32s) -> float:
    """Of all peaks, those that lasted."""
    return float(rows[:, _LASTED].sum()) / max(float(rows[:, _PEAKS].sum()), 1.0)


def _best_suffix(gains: Float64s) -> int:
    """Length of the suffix with the largest sum, the longest of equals."""
    sums = np.cumsum(gains[::-1])
    return len(sums) - int(np.argmax(sums[::-1]))
