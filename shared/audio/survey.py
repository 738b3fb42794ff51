"""What each channel of a call holds: voices of its own, a copy of another channel, or no voice. Pure.

Blocks of half a second are judged one by one, and only where somebody speaks:

    nobody speaks, or noise drowns it ──> nothing is learnt
    as much sound is shared with another channel as both hold, at the gain of before ──> copied
    little is shared with any, or this side is louder than the gain of before allows ──> its own
    anything between ──> nothing is learnt

Two parties whose lines leak into each other are no copies: the gain between them turns with who speaks.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.likeness import NOTHING, Likeness, likeness, quietest, voice_band

BLOCK_MS = 512
COPIED_SHARE = 0.75
OWN_SHARE = 0.5
GAIN_DB = 6.0
"""So far the gain of a copy may stray from its mean. A line that leaks jumps by twice its loss."""
NOISE_BLOCKS = 60
"""The noise of a channel is that of its quietest block in the last half minute."""
BETTER_DB = 4.0
"""What the noise of copies must differ by for one to be better."""
FAINT_DB = 3.0
"""In a channel that holds more, a voice may be so much fainter. A leaking line loses more."""
REMEMBERED_BLOCKS = 20
"""A gain may drift, as automatic gain control makes it."""
ENOUGH_BLOCKS = 2
"""So many blocks make a copy. With so many of its own a channel is none."""
APART_OF_COPIED = 0.05
"""The share of blocks that may look like its own in a copy: a click, a lost packet, a codec that chokes."""


class Heard(Enum):
    """What a block says of a channel."""

    NOTHING = "nothing"
    OWN = "its own"
    COPIED = "copied"


@dataclass(frozen=True, slots=True)
class Copy:
    """A channel is the sound of channel `of`: at this gain, so much later, perhaps upside down."""

    of: int
    gain_db: float
    delay_ms: float
    inverted: bool

    def __str__(self) -> str:
        parts = [f"{self.gain_db:+.0f} dB"] if abs(self.gain_db) >= 1 else []
        parts += [f"{abs(self.delay_ms):.0f} ms {'later' if self.delay_ms > 0 else 'earlier'}"] * (
            abs(self.delay_ms) >= 1
        )
        parts += ["upside down"] * self.inverted
        return f"the same sound as channel {self.of + 1}" + (f" ({', '.join(parts)})" if parts else "")


@dataclass(slots=True)
class Pair:
    """How a channel has been a copy of another: in so many blocks, at their mean gain, delay and polarity (the mean of
    signs); and in how many it was surely none."""

    blocks: int = 0
    gain_db: float = 0.0
    delay_ms: float = 0.0
    polarity: float = 0.0
    apart: int = 0

    def judge(self, found: Likeness) -> Heard:
        """What a block says of the two; a copy is remembered."""
        if found.share < COPIED_SHARE:
            return Heard.OWN if found.share <= OWN_SHARE else Heard.NOTHING
        if self.blocks and abs(found.gain_db - self.gain_db) > GAIN_DB:
            return Heard.OWN if found.gain_db > self.gain_db else Heard.NOTHING
        self.blocks += 1
        weight = 1 / min(self.blocks, REMEMBERED_BLOCKS)
        self.gain_db += (found.gain_db - self.gain_db) * weight
        self.delay_ms += (found.delay_ms - self.delay_ms) * weight
        self.polarity += ((-1 if found.inverted else 1) - self.polarity) * weight
        return Heard.COPIED


@dataclass(slots=True)
class Side:
    """One channel: its noise (energy a sample) block by block, blocks with a voice, and how it is a copy of each."""

    noise: list[float] = field(default_factory=list)
    voiced: int = 0
    pairs: list[Pair] = field(default_factory=list)


class ChannelSurvey:
    """Takes blocks of all channels; `sides` is all that it keeps."""

    def __init__(self, channels: int, rate: int, sides: list[Side] | None = None) -> None:
        self.rate = rate
        self.sides = sides or [Side(pairs=[Pair() for _ in range(channels)]) for _ in range(channels)]

    def push(self, block: Float32s, voiced: Sequence[bool]) -> list[Heard]:
        """A block (channels, n) of BLOCK_MS, -1 to 1; voiced: on which channels somebody speaks in it."""
        band = voice_band(block, self.rate)
        for side, floor in zip(self.sides, quietest(band, self.rate).tolist(), strict=True):
            side.noise = [*side.noise, floor][-NOISE_BLOCKS:]
        clear = [float(energy) - self._noise(one) for one, energy in enumerate(np.square(band).mean(axis=1))]
        heard = [one for one in range(len(self.sides)) if clear[one] >= self._noise(one)]
        alike: dict[tuple[int, int], Likeness] = {}
        for one, other in itertools.combinations(heard, 2):
            if voiced[one] or voiced[other]:
                found = likeness(band[one], band[other], (self._noise(one), self._noise(other)), self.rate)
                alike[one, other] = found
                alike[other, one] = Likeness(found.share, -found.gain_db, -found.delay_ms, found.inverted)
        return [self._judge(one, alike, clear) if voiced[one] else Heard.NOTHING for one in range(len(self.sides))]

    def copy_of(self, channel: int) -> Copy | None:
        """Of which channel it is a copy that is better or holds more, if any; of equals the first is the original."""
        originals = [other for other in range(len(self.sides)) if self._holds_all_of(other, channel)]
        best = next((one for one in originals if not any(self._holds_all_of(other, one) for other in originals)), None)
        if best is None:
            return None
        pair = self.sides[channel].pairs[best]
        return Copy(best, pair.gain_db, pair.delay_ms, pair.polarity < 0)

    def forget_copies(self, channel: int) -> None:
        """What was counted of likeness with this channel has to show anew."""
        for number, side in enumerate(self.sides):
            if number == channel:
                side.pairs = [Pair() for _ in side.pairs]
            else:
                side.pairs[channel] = Pair()

    def _holds_all_of(self, other: int, channel: int) -> bool:
        """Whether a channel may be left out for the other: they are copies, and the other is the better one; or the
        other holds more, and this one's sound undiminished."""
        if not self._is_in(channel, other):
            return False
        if self._is_in(other, channel):
            return self._worse(channel, other)
        return self._worse(channel, other) or self.sides[channel].pairs[other].gain_db <= FAINT_DB

    def _is_in(self, channel: int, other: int) -> bool:
        pair = self.sides[channel].pairs[other]
        return pair.blocks >= ENOUGH_BLOCKS and pair.apart <= max(ENOUGH_BLOCKS - 1, APART_OF_COPIED * pair.blocks)

    def _judge(self, channel: int, alike: dict[tuple[int, int], Likeness], clear: Sequence[float]) -> Heard:
        side = self.sides[channel]
        side.voiced += 1
        if clear[channel] < self._noise(channel):
            return Heard.NOTHING
        said = []
        for other, pair in enumerate(side.pairs):
            if other == channel:
                continue
            found = alike.get((channel, other))
            if found is None:
                heard = Heard.OWN if clear[channel] >= self._noise(other) else Heard.NOTHING
            else:
                heard = pair.judge(found)
            pair.apart += heard is Heard.OWN
            said.append(heard)
        if Heard.COPIED in said:
            return Heard.COPIED
        return Heard.NOTHING if Heard.NOTHING in said else Heard.OWN

    def _worse(self, channel: int, other: int) -> bool:
        """Whether the channel has more noise beside what both hold; of equals the later one."""
        pair = self.sides[channel].pairs[other]
        noise_db = 10 * float(np.log10(self._noise(channel) / self._noise(other)))
        better_db = pair.gain_db - noise_db
        return channel > other if abs(better_db) < BETTER_DB else better_db < 0

    def _noise(self, channel: int) -> float:
        return max(min(self.sides[channel].noise), NOTHING)
