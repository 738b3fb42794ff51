"""Whether the channels of a call really differ: dual mono and bleed must not become second voices; pure.

    left   ####....####......          left   ####....####....
    right  ....##......####..          right  ####....####....   same sound: dual mono, one side is enough
                                       right  ----....----....   the same, quieter: bleed, the right side says nothing
                                       of its own

Two channels carry the same sound where one is a scaled, slightly shifted copy of the other, which normalised
cross-correlation finds whatever the level.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from speakerline.shared.arrays import Float32s

MAX_SHIFT_S = 0.03
"""Hybrid echo and mixing delays inside one telephone system stay below 30 ms."""
COPY_CORRELATION = 0.9
BLEED_CORRELATION = 0.5
BLEED_DB = 9.0
"""Bleed is at least so much quieter than its source."""


class Relation(Enum):
    """How a channel relates to another."""

    INDEPENDENT = "independent"
    DUAL_MONO = "dual mono"
    BLEED = "bleed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """correlation: best normalised correlation within the allowed shift, 0..1; level_db: of `channel` relative to
    `other`."""

    correlation: float
    level_db: float

    @property
    def relation(self) -> Relation:
        """What the channel is, seen from the other one."""
        if self.correlation >= COPY_CORRELATION and self.level_db > -BLEED_DB:
            return Relation.DUAL_MONO
        if self.correlation >= BLEED_CORRELATION and self.level_db <= -BLEED_DB:
            return Relation.BLEED
        return Relation.INDEPENDENT


def compare(channel: Float32s, other: Float32s, rate: int) -> Comparison:
    """Compare the same time (equal length, some seconds with speech) of two channels; silence is independent."""
    if channel.shape != other.shape:
        raise ValueError(f"both channels must be of one length, got {channel.shape} and {other.shape}")
    one, two = channel.astype(np.float64), other.astype(np.float64)
    one, two = one - one.mean(), two - two.mean()
    energy, others = float(one @ one), float(two @ two)
    if energy < 1e-9 * len(one) or others < 1e-9 * len(one):
        return Comparison(0.0, 0.0)
    size = 1 << (2 * len(one) - 1).bit_length()
    product = np.fft.rfft(one, size) * np.conj(np.fft.rfft(two, size))
    shift = int(MAX_SHIFT_S * rate)
    correlation = np.fft.irfft(product, size)
    near = np.abs(np.concatenate([correlation[: shift + 1], correlation[-shift:]]))
    return Comparison(float(near.max() / np.sqrt(energy * others)), 10 * float(np.log10(energy / others)))


def silent_channels(windows: list[Float32s], rate: int) -> set[int]:
    """Channels whose speech in these simultaneous windows is not a voice of their own.

    Of dual mono channels the first one speaks; a channel that only bleeds is silent.
    """
    silent: set[int] = set()
    for channel, own in enumerate(windows):
        for other, theirs in enumerate(windows):
            if other == channel or other in silent:
                continue
            relation = compare(own, theirs, rate).relation
            if relation is Relation.BLEED or (relation is Relation.DUAL_MONO and other < channel):
                silent.add(channel)
    return silent
