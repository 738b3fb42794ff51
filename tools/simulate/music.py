"""Synthesises music on hold of several kinds, over a telephone line; a seed always gives the same piece."""

from collections.abc import Callable

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.tools.simulate.telephone import BAND_HZ, at_level, handset, line_noise, mu_law_round_trip, reverberant

SCALE = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of a major scale."""
PROGRESSION = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
"""Semitones of four chords over the root: I, vi, IV, V."""


def music(kind: str, seed: int, duration_s: float, rate: int = 8000) -> Float32s:
    """One of `KINDS`, (n,) float32 in -1..1: band of a telephone, some line noise, mu-law, at -32 to -18 dBFS."""
    if kind not in KINDS:
        raise ValueError(f"music {kind!r}: expected one of {', '.join(KINDS)}")
    random = np.random.default_rng([seed, 0x4D05])
    count = int(duration_s * rate)
    played = KINDS[kind](count, rate, random)
    line = handset(np.asarray(played, np.float32), rate, float(random.uniform(-6, 6)), BAND_HZ)
    line = at_level(line, float(random.uniform(-32, -18))) + line_noise(count, rate, -60.0, random)
    return mu_law_round_trip(np.clip(line, -1, 1))


def _chords(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """An organ or a pad: chords that sustain."""
    out, beat = np.zeros(count, np.float32), _beat(rate, random)
    root, harmonics = float(random.uniform(130, 260)), int(random.integers(3, 8))
    for number, at in enumerate(range(0, count, 4 * beat)):
        for semitones in PROGRESSION[number % 4]:
            _add(out, at, _sustained(root * 2 ** (semitones / 12), 4 * beat, rate, harmonics, 0.0, random))
    return out


def _piano(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """Broken chords of struck strings that die away."""
    out, beat = np.zeros(count, np.float32), _beat(rate, random) // 2
    root = float(random.uniform(200, 400))
    for number, at in enumerate(range(0, count, beat)):
        chord = PROGRESSION[number // 8 % 4]
        hz = root * 2 ** (chord[number % 3] / 12 + int(random.integers(0, 2)))
        _add(out, at, _struck(hz, 4 * beat, rate, float(random.uniform(0.25, 0.8)), random))
    return out


def _strings(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """A bowed melody with vibrato over a soft chord, in a hall."""
    out, beat = np.zeros(count, np.float32), _beat(rate, random)
    root = float(random.uniform(250, 450))
    degree = 0
    for number, at in enumerate(range(0, count, beat)):
        degree = int(np.clip(degree + random.integers(-2, 3), -3, 7))
        hz = root * 2 ** ((SCALE[degree % 7] + 12 * (degree // 7)) / 12)
        _add(out, at, 1.5 * _sustained(hz, int(1.1 * beat), rate, 8, 0.006, random))
        chord = PROGRESSION[number // 4 % 4][number % 3]
        _add(out, at, 0.5 * _sustained(root / 2 * 2 ** (chord / 12), beat, rate, 5, 0.0, random))
    return reverberant(out, rate, 0.8, random)


def _band(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """A melody, chords and a bass with drums."""
    out = 0.5 * _chords(count, rate, random) + _piano(count, rate, random)
    return np.asarray(out + _drums(count, rate, random), np.float32)


def _dance(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """Drums in front, short synthetic notes behind."""
    out, beat = _drums(count, rate, random) * 1.5, _beat(rate, random) // 4
    root, pattern = float(random.uniform(150, 300)), random.integers(0, 3, 8)
    for number, at in enumerate(range(0, count, beat)):
        semitones = PROGRESSION[number // 16 % 4][pattern[number % 8]]
        note = _sustained(root * 2 ** (semitones / 12), int(0.8 * beat), rate, 10, 0.0, random)
        _add(out, at, 0.7 * note)
    return out


def _ring(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """Ring-back tones: one of Europe's or America's cadences. No music, and no speech."""
    tones, on_s, off_s = ((425.0,), 1.0, 4.0) if random.random() < 0.5 else ((440.0, 480.0), 2.0, 4.0)
    times = np.arange(count) / rate
    on = (times % (on_s + off_s)) < on_s
    return np.asarray(sum(np.sin(2 * np.pi * hz * times) for hz in tones) * on, np.float32)


KINDS: dict[str, Callable[[int, int, np.random.Generator], Float32s]] = {
    "chords": _chords,
    "piano": _piano,
    "strings": _strings,
    "band": _band,
    "dance": _dance,
    "ring": _ring,
}


def _beat(rate: int, random: np.random.Generator) -> int:
    """Samples of a beat, at 70 to 130 a minute."""
    return int(60 * rate / random.uniform(70, 130))


def _add(out: Float32s, at: int, note: Float32s) -> None:
    out[at : at + len(note)] += note[: len(out) - at]


def _sustained(
    hz: float, count: int, rate: int, harmonics: int, vibrato: float, random: np.random.Generator
) -> Float32s:
    """A note that holds, with 30 ms of attack and release."""
    times = np.arange(count) / rate
    phase = 2 * np.pi * hz * (times + vibrato / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * times))
    note = sum(np.sin(n * phase + random.uniform(0, 6)) / n for n in range(1, harmonics + 1) if n * hz * 1.1 < rate / 2)
    edge = np.minimum(1.0, np.minimum(times, times[::-1]) / 0.03)
    return np.asarray(note * edge, np.float32)


def _struck(hz: float, count: int, rate: int, decay_s: float, random: np.random.Generator) -> Float32s:
    times = np.arange(count) / rate
    note = sum(
        np.sin(2 * np.pi * n * hz * times + random.uniform(0, 6)) * np.exp(-times * n**0.5 / decay_s) / n
        for n in range(1, 8)
        if n * hz * 1.1 < rate / 2
    )
    return np.asarray(note * np.minimum(1.0, times / 0.005), np.float32)


def _drums(count: int, rate: int, random: np.random.Generator) -> Float32s:
    """A drum on every beat, a snare on every second, a cymbal twice a beat."""
    out, beat = np.zeros(count, np.float32), _beat(rate, random)
    times = np.arange(rate // 4) / rate
    hiss = random.standard_normal(len(times))
    cymbal = np.diff(hiss, prepend=0.0) * np.exp(-times / 0.02) * 0.3
    drum = np.sin(2 * np.pi * 90 * times * (1 + np.exp(-times / 0.02))) * np.exp(-times / 0.08)
    snare = hiss * np.exp(-times / 0.06) * 0.6
    for number, at in enumerate(range(0, count, beat // 2)):
        _add(out, at, cymbal.astype(np.float32))
        if number % 2 == 0:
            _add(out, at, (snare if number % 4 == 2 else drum).astype(np.float32))
    return out
