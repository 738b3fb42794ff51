"""The sound of one call, from what a dialect says to frames that Redis takes. Pure: owns its time and its rate.

Sound, Key ──> clock of the channel ──> resampling, if any ──> Frame, Press
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from speakerline.services.gateway.dialects.base import Key, Opened, Sound
from speakerline.services.gateway.dialects.closing import Violation
from speakerline.services.gateway.intake.clocks import ArrivalClock, Placed, ProducerClock
from speakerline.services.gateway.intake.resampling import TARGET, Resampling
from speakerline.shared.audio.pcm import bytes_per_sample
from speakerline.shared.codec import SAMPLE_RATES
from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Encoding
from speakerline.shared.tenants import owned

LONGEST_HOLE_S = 3600
"""What is missing for longer is no loss, but a wrong clock."""

SILENCE_MS = 20
_SILENCE = {Encoding.MULAW: b"\xff", Encoding.ALAW: b"\xd5", Encoding.S16LE: b"\x00\x00"}
"""One sample of it."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """Samples of one channel at the call's rate; `end_sample` is the position after the last one."""

    channel: int
    end_sample: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Press:
    """A key that was pressed at position `at_sample` of the call's rate."""

    channel: int
    at_sample: int
    digit: str


class _Channel:
    """One channel. Whether the producer has a clock is seen by its first piece."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._width = bytes_per_sample(opened.encoding)
        self._resampling: Resampling | None = None
        if opened.sample_rate not in SAMPLE_RATES:
            self._resampling = Resampling(opened.sample_rate, opened.encoding)
        self.clock: ProducerClock | ArrivalClock | None = None

    def begin(self, has_clock: bool, origin: float | None) -> None:
        """origin: when the call began by arrival, where another channel tells."""
        rate, width = self._opened.sample_rate, self._width
        self.clock = ProducerClock(rate, width) if has_clock else ArrivalClock(rate, width, origin)

    def take(self, sound: Sound, now: float) -> list[Placed]:
        if isinstance(self.clock, ProducerClock):
            return self._resampled(self.clock.push(sound.pcm, sound.at or 0))
        assert self.clock
        return self._resampled(self.clock.push(sound.pcm, now))

    def fill(self, now: float) -> list[Placed]:
        """A moment of silence that ends now, where the producer sends nothing and has no clock that says where."""
        if not isinstance(self.clock, ArrivalClock):
            return []
        samples = SILENCE_MS * self._opened.sample_rate // 1000
        return self._resampled(self.clock.fill(_SILENCE[self._opened.encoding] * samples, now))

    def end(self) -> list[Placed]:
        placed = self._resampled(self.clock.flush()) if self.clock else []
        return placed + (self._resampling.flush() if self._resampling else [])

    def position_of(self, sample: int) -> int:
        return self._resampling.position_of(sample) if self._resampling else sample

    def _resampled(self, pieces: list[Placed]) -> list[Placed]:
        if self._resampling is None:
            return pieces
        return [out for piece in pieces for out in self._resampling.push(piece)]


class Intake:
    """One call, as its producer opened it."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        as_it_is = opened.sample_rate in SAMPLE_RATES
        self._rate = opened.sample_rate if as_it_is else TARGET
        self._encoding = opened.encoding if as_it_is else Encoding.S16LE
        self._sample_bytes = bytes_per_sample(self._encoding)
        self._channels = [_Channel(opened) for _ in range(opened.channels)]

    def announcement(self, tenant: str, call_id: str) -> CallStarted:
        """The call for the pipeline; channels that the producer keeps apart are one party each."""
        opened = self._opened
        parties = {f"channel_{number}": party for number, party in enumerate(opened.parties)}
        return CallStarted(
            call_id=owned(tenant, call_id),
            tenant=tenant,
            sample_rate=self._rate,
            encoding=self._encoding,
            channels=opened.channels,
            channel_mode=ChannelMode.SEPARATE if opened.channels > 1 else ChannelMode.AUTO,
            metadata={**opened.metadata, **parties},
            language=opened.language,
        )

    def sound(self, sound: Sound, now: float) -> list[Frame]:
        """Frames that are ready; `now`: the second at which the sound came, by a clock that only goes forward.

        Raises Violation for a position that is no continuation."""
        channel = self._channels[sound.channel]
        self._check_position(channel, sound.at)
        if channel.clock is None:
            channel.begin(sound.at is not None, self._origin())
        return self._frames(sound.channel, channel.take(sound, now))

    def fill(self, now: float) -> list[Frame]:
        """A moment of silence on every channel, so that a call lives on whose producer sends nothing for long."""
        return [frame for number, one in enumerate(self._channels) for frame in self._frames(number, one.fill(now))]

    def key(self, key: Key) -> Press:
        """Where the key was pressed: by the producer's clock, or where its channel has come to. Raises Violation."""
        channel = self._channels[key.channel]
        self._check_position(channel, key.at)
        at = key.at if key.at is not None else channel.clock.position if channel.clock else 0
        return Press(key.channel, channel.position_of(at), key.digit)

    def end(self) -> list[Frame]:
        """Frames that were waiting for others."""
        return [frame for number, one in enumerate(self._channels) for frame in self._frames(number, one.end())]

    @property
    def lost_s(self) -> float:
        """Seconds of all channels that were not there in time."""
        return sum(one.clock.lost for one in self._channels if one.clock) / self._opened.sample_rate

    @property
    def late(self) -> int:
        """Pieces that came when their time was over, or twice."""
        return sum(one.clock.late for one in self._channels if one.clock)

    def _origin(self) -> float | None:
        """All channels that go by arrival share it, so that one that joins late lies where it is heard."""
        clocks = (one.clock for one in self._channels)
        return next((clock.origin for clock in clocks if isinstance(clock, ArrivalClock)), None)

    def _check_position(self, channel: _Channel, at: int | None) -> None:
        reached = channel.clock.position if channel.clock else 0
        if at is not None and at - reached > LONGEST_HOLE_S * self._opened.sample_rate:
            raise Violation.malformed(f"sample {at}: expected less than {LONGEST_HOLE_S} s after the sound before it")

    def _frames(self, channel: int, placed: Iterable[Placed]) -> list[Frame]:
        width = self._sample_bytes
        return [Frame(channel, one.start + len(one.pcm) // width, one.pcm) for one in placed]
