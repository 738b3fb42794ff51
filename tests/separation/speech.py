"""Voices that a test can make: harmonics of a pitch of their own under a syllable's envelope."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from speakerline.shared.arrays import Float32s

RATE = 8000


def voice(pitch_hz: float, seconds: float, seed: int = 0) -> Float32s:
    """A buzz with a wandering pitch that comes and goes four times a second, RMS about 0.1."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    wander = 1 + 0.04 * np.sin(2 * np.pi * 1.3 * times + random.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch_hz * wander) / RATE
    count = int(3400 / pitch_hz)
    buzz = sum(np.sin(number * phase + random.uniform(0, 6)) / number for number in range(1, count))
    envelope = 0.1 + np.sin(np.pi * 4 * times + random.uniform(0, 6)) ** 2
    shaped = np.asarray(buzz) * envelope
    return np.asarray(0.1 * shaped / shaped.std(), np.float32)


def write_speakers(folder: Path, pitches_hz: Sequence[float], seconds: float = 3.0) -> Path:
    """A corpus: a sub-folder a speaker, two utterances each."""
    for number, pitch_hz in enumerate(pitches_hz):
        own = folder / f"speaker{number:02}"
        own.mkdir(parents=True)
        for take in range(2):
            soundfile.write(own / f"{take}.wav", voice(pitch_hz, seconds, 10 * number + take), RATE)
    return folder
