"""Noise and reverberation become less; what is asked of a window gives one answer, whatever was asked before."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from speakerline.shared.arrays import AnyArray
from speakerline.shared.contract.v1 import CallStarted, Encoding, FrontEnd
from speakerline.shared.front_end.cleaned_audio import CleanedAudio, clean, cleans
from speakerline.shared.front_end.noise import denoised
from speakerline.shared.front_end.reverberation import dereverberated

RATES = [8000, 16000]
EVERYTHING = FrontEnd(level=True, denoise=True, dereverberate=True)


def syllables(rate: int, seconds: float = 6.0) -> AnyArray:
    """Harmonic bursts of 150 ms, four a second, each of another pitch."""
    random, out = np.random.default_rng(1), np.zeros(int(seconds * rate), np.float32)
    times = np.arange(int(0.15 * rate)) / rate
    for at in range(0, len(out) - rate // 4, rate // 4):
        hz = random.uniform(100, 250)
        burst = sum(np.sin(2 * np.pi * hz * n * times) / n for n in range(1, 12))
        out[at : at + len(times)] = 0.1 * burst * np.hanning(len(times))
    return out


def snr_db(clean_sound: AnyArray, found: AnyArray) -> float:
    """Of `found`, after the best gain."""
    gain = float(clean_sound @ found) / float(clean_sound @ clean_sound)
    rest = found - gain * clean_sound
    return float(10 * np.log10(gain**2 * (clean_sound @ clean_sound) / (rest @ rest)))


@pytest.mark.parametrize("rate", RATES)
def test_steady_noise_becomes_less(rate) -> None:
    voice = syllables(rate)
    noisy = voice + np.random.default_rng(2).normal(0, 0.02, len(voice)).astype(np.float32)
    assert snr_db(voice, denoised(noisy, rate)) > snr_db(voice, noisy) + 3
    assert len(denoised(noisy[:-77], rate)) == len(noisy) - 77


@pytest.mark.parametrize("rate", RATES)
def test_the_tail_of_a_room_becomes_shorter(rate) -> None:
    """Bursts of noise between walls that give each of them back every 50 ms."""
    speaks = np.arange(8 * rate) % (rate // 2) < rate // 8
    voice = (np.random.default_rng(4).normal(0, 0.1, len(speaks)) * speaks).astype(np.float32)
    wet = voice.copy()
    for number in range(1, 8):
        wet[number * rate // 20 :] += 0.7**number * voice[: -number * rate // 20]
    dry = dereverberated(wet, rate)
    assert len(dry) == len(wet)
    assert snr_db(voice, dry) > snr_db(voice, wet) + 4


@pytest.mark.parametrize("cleaner", [denoised, dereverberated], ids=["noise", "reverberation"])
@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(40_000, np.float32),
        np.full(100, 0.1, np.float32),
        np.concatenate([np.zeros(20_000, np.float32), syllables(8000, 1.0)]),
    ],
    ids=["nothing", "silence", "12 ms", "mostly silence"],
)
def test_sound_of_any_kind_keeps_its_length_and_stays_finite(cleaner, samples) -> None:
    found = cleaner(samples, 8000)
    assert len(found) == len(samples) and np.isfinite(found).all() and found.dtype == np.float32


class Sound:
    """One channel in memory that records what was read."""

    def __init__(self, samples: AnyArray) -> None:
        self._samples = samples
        self.asked: list[tuple[int, int, int]] = []

    async def read(self, channel: int, start_sample: int, end_sample: int) -> AnyArray:
        self.asked.append((channel, start_sample, end_sample))
        return self._samples[start_sample:end_sample]

    async def read_source(self, source_id: str) -> AnyArray | None:
        return np.ones(3, np.float32) if source_id == "x1" else None


@pytest.fixture
def sound() -> Sound:
    return Sound(syllables(8000, 12.0) + np.random.default_rng(7).normal(0, 0.01, 96_000).astype(np.float32))


def cleaned(sound: Sound, front_end: FrontEnd = EVERYTHING) -> CleanedAudio:
    call = CallStarted("c", 8000, Encoding.S16LE, 2, front_end=front_end)
    return CleanedAudio(sound, call, front_end, ThreadPoolExecutor(1))


async def test_a_window_has_one_answer_whatever_was_read_before_or_beside(sound) -> None:
    alone = await cleaned(sound).read(0, 40_000, 56_000)
    busy = cleaned(sound)
    await busy.read(0, 39_000, 50_000)
    beside = await asyncio.gather(busy.read(0, 40_000, 56_000), busy.read(0, 0, 64_000))
    assert len(alone) == 16_000
    assert alone.tobytes() == beside[0].tobytes()


async def test_what_comes_before_a_window_is_learnt_from_as_far_as_there_is_any(sound) -> None:
    audio = cleaned(sound)
    await audio.read(1, 40_000, 48_000)
    found = await audio.read(0, 8_000, 16_000)
    assert sound.asked == [(1, 16_000, 48_000), (0, 0, 16_000)]
    assert found.tobytes() == clean(await sound.read(0, 0, 16_000), 8000, EVERYTHING)[8_000:].tobytes()


async def test_a_source_is_read_as_it_is(sound) -> None:
    audio = cleaned(sound)
    source = await audio.read_source("x1")
    assert source is not None and source.tolist() == [1, 1, 1]
    assert await audio.read_source("x2") is None


def test_finding_music_cleans_nothing() -> None:
    assert not cleans(None) and not cleans(FrontEnd()) and not cleans(FrontEnd(find_music=True))
    assert all(cleans(one) for one in (FrontEnd(level=True), FrontEnd(denoise=True), FrontEnd(dereverberate=True)))
