"""The sound of one call, from what a dialect says to frames that Redis takes. Pure: owns its time and its rate.

Sound ──> [ run: what follows each other in one read ] ──> clock of the channel ──> resampling, if any ──> [ ready ]
[ ready ] ──> Frame
Key ────> Press, behind the frames that are ready
"""

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

LONGEST_FRAME_MS = 100
"""Of those that are made of several pieces."""

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


class _Run:
    """Pieces of one channel that came in one read and follow each other: the clock is asked once for all of them."""

    def __init__(self, width: int, longest: int) -> None:
        self._width = width
        self._longest = longest
        """Bytes."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._next: int | None = None
        """Where the next piece begins, if the producer has a clock."""
        self.at: int | None = None
        self.now = 0.0

    def begin(self, sound: Sound, now: float) -> None:
        self._pieces, self._size = [sound.pcm], len(sound.pcm)
        self.at, self.now = sound.at, now
        self._next = None if sound.at is None else sound.at + self._size // self._width

    def goes_on_with(self, sound: Sound, now: float) -> bool:
        """Whether it has taken the piece up."""
        size = self._size + len(sound.pcm)
        if sound.at != self._next or now != self.now or size > self._longest or not self._pieces:
            return False
        self._pieces.append(sound.pcm)
        if self._next is not None:
            self._next += (size - self._size) // self._width
        self._size = size
        return True

    def end(self) -> bytes:
        """All of it, if anything."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Channel:
    """One channel. Whether the producer has a clock is seen by its first piece."""

    def __init__(self, number: int, opened: Opened, frame_width: int) -> None:
        """frame_width: bytes of a sample of its frames."""
        self._number = number
        self._frame_width = frame_width
        self._ready: list[Frame] = []
        self._opened = opened
        self._width = bytes_per_sample(opened.encoding)
        self.run = _Run(self._width, self._width * opened.sample_rate * LONGEST_FRAME_MS // 1000)
        self._resampling: Resampling | None = None
        if opened.sample_rate not in SAMPLE_RATES:
            self._resampling = Resampling(opened.sample_rate, opened.encoding)
        self.clock: ProducerClock | ArrivalClock | None = None

    def begin(self, has_clock: bool, origin: float | None) -> None:
        """origin: when the call began by arrival, where another channel tells."""
        rate, width = self._opened.sample_rate, self._width
        self.clock = ProducerClock(rate, width) if has_clock else ArrivalClock(rate, width, origin)

    def take(self, sound: Sound, now: float) -> None:
        """What does not go on with the run begins another one; what comes again is by itself, and counted as late."""
        assert self.clock
        self.settle()
        self.run.begin(sound, now)
        if sound.at is not None and sound.at < self.clock.position:
            self.settle()

    def settle(self) -> None:
        """Nothing is left in the run."""
        if pcm := self.run.end():
            at = self.run.at or 0 if isinstance(self.clock, ProducerClock) else self.run.now
            assert self.clock
            self._placed(self.clock.push(pcm, at))  # type: ignore[arg-type]  # each is given its own time

    def fill(self, now: float) -> None:
        """A moment of silence that ends now, where the producer sends nothing and has no clock that says where."""
        self.settle()
        if isinstance(self.clock, ArrivalClock):
            samples = SILENCE_MS * self._opened.sample_rate // 1000
            self._placed(self.clock.fill(_SILENCE[self._opened.encoding] * samples, now))

    def end(self) -> None:
        self.settle()
        if self.clock:
            self._placed(self.clock.flush())
        if self._resampling:
            self._add(self._resampling.flush())

    def position_of(self, sample: int) -> int:
        return self._resampling.position_of(sample) if self._resampling else sample

    def frames(self) -> list[Frame]:
        """All that are ready."""
        self.settle()
        ready, self._ready = self._ready, []
        return ready

    def _placed(self, pieces: list[Placed]) -> None:
        if self._resampling is None:
            self._add(pieces)
            return
        for piece in pieces:
            self._add(self._resampling.push(piece))

    def _add(self, pieces: list[Placed]) -> None:
        for piece in pieces:
            end = piece.start + len(piece.pcm) // self._frame_width
            self._ready.append(Frame(self._number, end, piece.pcm))


class Intake:
    """One call, as its producer opened it. What is ready stays until `frames` takes it."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        as_it_is = opened.sample_rate in SAMPLE_RATES
        self._rate = opened.sample_rate if as_it_is else TARGET
        self._encoding = opened.encoding if as_it_is else Encoding.S16LE
        width = bytes_per_sample(self._encoding)
        self._channels = [_Channel(number, opened, width) for number in range(opened.channels)]

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

    def sound(self, sound: Sound, now: float) -> None:
        """`now`: the second at which the sound came, by a clock that only goes forward.

        Raises Violation for a position that is no continuation."""
        channel = self._channels[sound.channel]
        if channel.run.goes_on_with(sound, now):
            return
        self._check_position(channel, sound.at)
        if channel.clock is None:
            channel.begin(sound.at is not None, self._origin() if sound.at is None else None)
        channel.take(sound, now)

    def fill(self, now: float) -> None:
        """A moment of silence on every channel, so that a call lives on whose producer sends nothing for long."""
        for one in self._channels:
            one.fill(now)

    def frames(self) -> list[Frame]:
        """What is ready, each channel in order."""
        return [frame for one in self._channels for frame in one.frames()]

    def key(self, key: Key) -> Press:
        """Where the key was pressed: by the producer's clock, or where its channel has come to. Raises Violation."""
        channel = self._channels[key.channel]
        channel.settle()
        self._check_position(channel, key.at)
        at = key.at if key.at is not None else channel.clock.position if channel.clock else 0
        return Press(key.channel, channel.position_of(at), key.digit)

    def end(self) -> None:
        """What was waiting for other sound is ready."""
        for one in self._channels:
            one.end()

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
        for one in self._channels:
            one.settle()
        clocks = (one.clock for one in self._channels)
        return next((clock.origin for clock in clocks if isinstance(clock, ArrivalClock)), None)

    def _check_position(self, channel: _Channel, at: int | None) -> None:
        reached = channel.clock.position if channel.clock else 0
        if at is not None and at - reached > LONGEST_HOLE_S * self._opened.sample_rate:
            raise Violation.malformed(f"sample {at}: expected less than {LONGEST_HOLE_S} s after the sound before it")
