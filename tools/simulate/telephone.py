"""Simulates a telephone line or a room: band limits, handset tilt, level, line noise, mu-law, reverberation."""

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from speakerline.shared.arrays import Float32s

BAND_HZ = (300.0, 3400.0)
"""The telephone band of ITU-T G.712."""


def handset(samples: Float32s, rate: int, tilt_db: float, band_hz: tuple[float, float] = BAND_HZ) -> Float32s:
    """Band-pass to the telephone band, then `tilt`: microphones differ."""
    top = min(band_hz[1], rate / 2 * 0.98)
    banded = sosfilt(butter(4, (band_hz[0], top), "bandpass", fs=rate, output="sos"), samples)
    return tilt(np.asarray(banded, np.float32), rate, tilt_db)


def tilt(samples: Float32s, rate: int, tilt_db: float) -> Float32s:
    """Raise what lies above 1.2 kHz by tilt_db against what lies below: vocal effort and distance do that from turn
    to turn."""
    low = sosfilt(butter(1, 1200.0, "lowpass", fs=rate, output="sos"), samples)
    half = 10 ** (tilt_db / 40)
    return np.asarray(low / half + (samples - low) * half, np.float32)


def reverberant(samples: Float32s, rate: int, reverb_s: float, random: np.random.Generator) -> Float32s:
    """As at a distant microphone: the direct sound, and noise that decays by 60 dB in `reverb_s` (Moorer, "About
    this reverberation business", 1979) and is 0 to 9 dB weaker, as at one to two metres."""
    times = np.arange(round(reverb_s * rate)) / rate
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / reverb_s) * (times > 0.003)
    tail *= 10 ** (-random.uniform(0, 9) / 20) / max(float(np.linalg.norm(tail)), 1e-9)
    tail[0] = 1.0
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def at_level(samples: Float32s, dbfs: float) -> Float32s:
    """Scale so that the louder parts (frames within 20 dB of the loudest) have this RMS level."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    if not len(power) or power.max() <= 0:
        return samples
    level = np.sqrt(power[power > power.max() / 100].mean())
    return np.asarray(samples * (10 ** (dbfs / 20) / level), np.float32)


def line_noise(count: int, rate: int, dbfs: float, random: np.random.Generator) -> Float32s:
    """Hiss with a random colour and a mains hum, as both sides of one line share it."""
    white = random.standard_normal(count)
    pole = random.uniform(0.0, 0.95)
    coloured = sosfilt([[1.0, 0.0, 0.0, 1.0, -pole, 0.0]], white)
    hum = np.sin(2 * np.pi * random.choice([50.0, 60.0]) * random.choice([1, 2, 3]) * np.arange(count) / rate)
    mixed = coloured / max(float(coloured.std()), 1e-9) + random.uniform(0, 0.7) * hum
    return at_level(np.asarray(mixed, np.float32), dbfs)


def mu_law_round_trip(samples: Float32s) -> Float32s:
    """What 8-bit mu-law (ITU-T G.711, continuous form, mu = 255) leaves of samples in -1..1."""
    clipped = np.clip(samples, -1, 1)
    coded = np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256)
    levels = np.rint(coded * 127) / 127
    return np.asarray(np.sign(levels) * np.expm1(np.abs(levels) * np.log(256)) / 255, np.float32)
