"""Mixtures of voices with known truth, made on the fly for training and measuring.

    utterance of A ─> handset ─> room ─> level ─┐
    utterance of B ─> handset ─> room ─> level ─┴─> + noise ─> mu-law, gain ─> mixture;   truth: A and B before noise

There are also single voices and silence, so that the network learns to leave an output empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, resample_poly

from speakerline.services.separation.spectrum import RATE
from speakerline.shared.arrays import Float32s, Int16s
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.simulate.telephone import handset, line_noise, mu_law_round_trip
from speakerline.tools.simulate.voices import AUDIO_SUFFIXES, Speakers, find_utterances

VOICES = 2
"""At most, in a mixture."""


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """Shares are probabilities, 0 to 1. `full`, `partial`, `alone` and `silent` are weights of the kinds of example.

    level_db: one voice against the other. noise_db: voices above the noise. gain_db: of the finished mixture.
    """

    seconds: float = 2.0
    full: float = 0.45
    partial: float = 0.4
    alone: float = 0.1
    silent: float = 0.05
    level_db: tuple[float, float] = (-5.0, 5.0)
    telephone: float = 0.8
    mu_law: float = 0.6
    room: float = 0.3
    noise: float = 0.6
    noise_db: tuple[float, float] = (5.0, 30.0)
    gain_db: tuple[float, float] = (-38.0, -14.0)

    def __post_init__(self) -> None:
        """Raises ValueError with the option, its value, and what was expected."""
        if self.seconds <= 0:
            raise ValueError(f"seconds {self.seconds}: expected more than 0")
        for name in ("telephone", "mu_law", "room", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected a share from 0 to 1")
        kinds = (self.full, self.partial, self.alone, self.silent)
        if min(kinds) < 0 or sum(kinds) <= 0:
            raise ValueError(f"full, partial, alone, silent {kinds}: expected weights from 0 on, one of them above 0")
        for name in ("level_db", "noise_db", "gain_db"):
            lowest, highest = getattr(self, name)
            if lowest > highest:
                raise ValueError(f"{name} {lowest}, {highest}: expected the lower value first")

    def eased(self, difficulty: float) -> "MixtureSettings":
        """The same with rooms and noise rarer: 0 = none, 1 = as it is. For the first steps of a training."""
        return replace(self, room=self.room * difficulty, noise=self.noise * difficulty)


@dataclass(frozen=True, slots=True)
class Mixture:
    """samples (n,) and the truth (2, n), float32 at 8 kHz; an absent voice is all zeros."""

    samples: Float32s
    voices: Float32s


class Corpus:
    """Utterances of many people, rooms and noises, in memory at 8 kHz."""

    def __init__(
        self,
        utterances: Mapping[str, Sequence[Path]],
        rooms: Sequence[Path] = (),
        noises: Sequence[Path] = (),
        speeds: Sequence[int] = (100,),
    ) -> None:
        """utterances: by speaker, as `find_utterances` gives them; two speakers at least. speeds: in percent, those at
        which utterances are played by chance, which makes other people of the same ones."""
        if len(utterances) < 2:
            raise ValueError(f"mixtures need two speakers at least, got {len(utterances)}")
        if not speeds or min(speeds) < 50 or max(speeds) > 200:
            raise ValueError(f"speeds {list(speeds)}: expected percents from 50 to 200")
        self.speakers = {name: [_stored(path) for path in paths] for name, paths in sorted(utterances.items())}
        self.rooms = [_room(path) for path in sorted(rooms)]
        self.noises = [_stored(path) for path in sorted(noises)]
        self._names = list(self.speakers)
        self._speeds = list(speeds)

    def draw(self, settings: MixtureSettings, random: np.random.Generator) -> Mixture:
        """One example; the same generator state gives the same samples."""
        count = round(settings.seconds * RATE)
        voices: Float32s = np.zeros((VOICES, count), np.float32)
        weights = np.array([settings.full, settings.partial, settings.alone, settings.silent])
        kind = int(random.choice(4, p=weights / weights.sum()))
        telephone = random.random() < settings.telephone
        room = self.rooms[random.integers(len(self.rooms))] if self.rooms and random.random() < settings.room else None
        names = random.choice(len(self._names), VOICES, replace=False)
        difference_db = random.uniform(*settings.level_db)
        for at, (begin, end) in enumerate(_places(kind, count, random)):
            if end > begin:
                voice = self._voice(self._names[names[at]], end - begin, random)
                voice = handset(voice, RATE, random.uniform(-4, 4)) if telephone else voice
                if room is not None:
                    voice = np.asarray(fftconvolve(voice, room)[: len(voice)], np.float32)
                voices[at, begin:end] = _leveled(voice) * 10 ** ((difference_db if at == 0 else -difference_db) / 40)
        mixed = voices.sum(axis=0)
        if kind == 3 or random.random() < settings.noise:
            mixed = mixed + self._noise(count, random) * 10 ** (-random.uniform(*settings.noise_db) / 20)
        gain = 10 ** (random.uniform(*settings.gain_db) / 20)
        mixed, voices = mixed * gain, voices * gain
        if random.random() < settings.mu_law:
            mixed = mu_law_round_trip(mixed)
        return Mixture(mixed.astype(np.float32), voices.astype(np.float32))

    def batch(self, settings: MixtureSettings, size: int, random: np.random.Generator) -> tuple[Float32s, Float32s]:
        """Mixtures (size, n) and their truths (size, 2, n)."""
        drawn = [self.draw(settings, random) for _ in range(size)]
        return np.stack([one.samples for one in drawn]), np.stack([one.voices for one in drawn])

    def _voice(self, name: str, count: int, random: np.random.Generator) -> Float32s:
        percent = self._speeds[random.integers(len(self._speeds))] if len(self._speeds) > 1 else self._speeds[0]
        if percent == 100:
            return self._cut(name, count, random)
        played = resample_poly(self._cut(name, -(-count * percent // 100), random), 100, percent)
        return np.asarray(played[:count], np.float32)

    def _cut(self, name: str, count: int, random: np.random.Generator) -> Float32s:
        own = self.speakers[name]
        utterance = own[random.integers(len(own))]
        if len(utterance) <= count:
            voice: Float32s = np.zeros(count, np.float32)
            at = random.integers(count - len(utterance) + 1)
            voice[at : at + len(utterance)] = _floats(utterance)
            return voice
        at = random.integers(len(utterance) - count + 1)
        return _floats(utterance[at : at + count])

    def _noise(self, count: int, random: np.random.Generator) -> Float32s:
        if not self.noises or random.random() < 0.4:
            return _leveled(line_noise(count, RATE, -20.0, random))
        noise = self.noises[random.integers(len(self.noises))]
        at = random.integers(max(1, len(noise) - count))
        return _leveled(np.resize(_floats(noise[at : at + count]), count))


def find_speakers(folders: Sequence[Path], leave_out: Sequence[str] = ()) -> Speakers:
    """The speakers of several folders, each named `<folder>/<speaker>`; `leave_out` names some without or with it.

    Raises ValueError for two folders of one name, whose speakers could not be distinguished."""
    named: dict[str, Path] = {}
    for folder in folders:
        if folder.name in named:
            raise ValueError(f"speech folders {named[folder.name]} and {folder}: expected two names, rename one")
        named[folder.name] = folder
    found = {f"{folder.name}/{name}": paths for folder in folders for name, paths in find_utterances(folder).items()}
    return {key: paths for key, paths in found.items() if not {key, key.split("/", 1)[1]} & set(leave_out)}


def find_audio(folder: Path | None) -> list[Path]:
    """All audio files of a folder, sorted."""
    if folder is None:
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)


def _places(kind: int, count: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Where each voice is: both everywhere; one after the other with any overlap; one alone; none."""
    if kind == 0:
        return [(0, count), (0, count)]
    if kind == 1:
        first_end = int(random.uniform(0.4, 1.0) * count)
        second = int(random.uniform(0.0, 0.9) * first_end)
        places = [(0, first_end), (second, min(count, second + int(random.uniform(0.3, 1.0) * count)))]
        return places if random.random() < 0.5 else places[::-1]
    if kind == 2:
        begin = int(random.uniform(0.0, 0.3) * count)
        return [(begin, count), (0, 0)]
    return [(0, 0), (0, 0)]


def _stored(path: Path) -> Int16s:
    return np.asarray(np.clip(np.rint(read_mono(path, RATE) * 32767), -32768, 32767), np.int16)


def _floats(samples: Int16s) -> Float32s:
    return np.asarray(samples, np.float32) / np.float32(32768)


def _room(path: Path) -> Float32s:
    """A room response whose direct sound comes first, with unit energy."""
    response = read_mono(path, RATE)
    response = response[int(np.abs(response).argmax()) :]
    return np.asarray(response / max(float(np.linalg.norm(response)), 1e-9), np.float32)


def _leveled(samples: Float32s) -> Float32s:
    """With an RMS of 1 over what is not near silence."""
    power = np.square(samples, dtype=np.float64)
    loud = power > power.max(initial=0.0) * 1e-5
    if not loud.any():
        return samples
    return np.asarray(samples / np.sqrt(power[loud].mean()), np.float32)
