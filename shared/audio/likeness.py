"""How much of one sound is in another: later, quieter or louder, upside down, and under noise. Pure.

    one    = a(t)            + noise
    other  = gain * a(t - d) + noise      |d| up to 30 ms, gain of either sign

The covariance of the two at the right delay is what they share, whatever the noise. Beside the energies without their
noise it says whether that is all of both: 1 for copies, near 0 for two people.
"""

import functools
from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Float32s, Float64s

MOST_DELAY_MS = 30
LOWEST_HZ = 250.0
"""Below it lines share hum, which is no likeness."""
FRAME_MS = 64
"""The noise of a block is its quietest frame of this length."""
NOTHING = 1e-9
"""Energy a sample (-90 dBFS) that counts as no sound."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """share: 0 to about 1, of the two sounds without their noise. gain_db: of `one` beside `other`. delay_ms: by which
    `one` is later. inverted: whether the one is the other upside down."""

    share: float
    gain_db: float
    delay_ms: float
    inverted: bool


def voice_band(block: Float32s, rate: int) -> Float64s:
    """The block (channels, n) without what lies below LOWEST_HZ."""
    from scipy.signal import sosfilt, sosfilt_zi

    sections = _high_pass(rate)
    before = sosfilt_zi(sections)[:, None] * block[None, :, :1]
    filtered, _ = sosfilt(sections, block.astype(np.float64), axis=1, zi=before)
    return np.asarray(filtered)


def quietest(band: Float64s, rate: int) -> Float64s:
    """Per channel the energy a sample of the quietest frame."""
    size = FRAME_MS * rate // 1000
    frames = band[:, : band.shape[1] // size * size].reshape(len(band), -1, size)
    found: Float64s = np.square(frames).mean(axis=2).min(axis=1)
    return found


def likeness(one: Float64s, other: Float64s, noise: tuple[float, float], rate: int) -> Likeness:
    """Of two blocks (n,) of the same time; `noise`: the energy a sample of the noise of each."""
    most = MOST_DELAY_MS * rate // 1000
    size = 1 << (len(one) + most).bit_length()
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    near = np.concatenate([product[-most:], product[: most + 1]])
    best = int(np.abs(near).argmax())
    delay = best - most
    shared = float(near[best]) / (len(one) - abs(delay))
    clean = [
        max(float(np.square(sound).mean()) - floor, NOTHING) for sound, floor in zip((one, other), noise, strict=True)
    ]
    share = abs(shared) / float(np.sqrt(clean[0] * clean[1]))
    gain_db = 10 * float(np.log10(clean[0] / clean[1]))
    return Likeness(share, gain_db, 1000 * delay / rate, shared < 0)


@functools.cache
def _high_pass(rate: int) -> Float64s:
    from scipy.signal import butter

    sections: Float64s = butter(2, LOWEST_HZ, "highpass", fs=rate, output="sos")
    return sections
