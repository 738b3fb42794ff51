"""A call that is being sent: what its sender queues, and what became of it."""

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

from speakerline.shared.client.lane import Lane
from speakerline.shared.client.outbox import Outbox
from speakerline.shared.codec import DTMF_DIGITS
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.errors import SpeakerlineError

MAX_CALL_MS = 2**32 - 1
"""Times of events are uint32 milliseconds: 49 days."""


class ProducerError(SpeakerlineError, RuntimeError):
    """A call can't start or go on: its id is taken, it was closed or erased, or Redis could not be reached."""


class CallTaken(ProducerError):
    """Somebody sends, or has sent, a call with this id."""


class Sends(Protocol):
    """Who sends what a call has queued."""

    def wake(self, call: "OutgoingCall") -> None:
        """The call has something to send."""
        ...

    async def wait_for(self, done: Callable[[], object]) -> None:
        """Wait until `done` is true; looks after every round of sending."""
        ...


class OutgoingCall:
    """A call that is being sent; `Producer.start` makes it.

    `send` never blocks. Frames that Redis can't take yet are buffered for `buffer_s`; then the oldest are dropped, and
    the timeline shows a gap there."""

    def __init__(self, sender: Sends, call: CallStarted, buffer_s: float, reorder_ms: int, gather_ms: int = 0) -> None:
        self.call = call
        self._sender = sender
        self._last_sample = MAX_CALL_MS * call.sample_rate // 1000
        self.sample_bytes = 2 if call.encoding == Encoding.S16LE else 1
        self.outboxes = [
            Outbox(
                call.sample_rate,
                self.sample_bytes,
                reorder_ms,
                buffer_s,
                in_step=call.channels > 1,
                gather_ms=gather_ms,
            )
            for _ in range(call.channels)
        ]
        self.lanes: Sequence[Lane] = ()
        """Of each channel, as its sender needs them."""
        self.attempt = uuid.uuid4().hex
        """Names this start: it is known again where the answer of Redis was lost."""
        self.failure: ProducerError | None = None
        self.lost = False
        """Redis has lost the call: it must be announced again."""
        self.ended = False
        self.busy_until = 0.0
        self.late_frames = 0
        """Frames that Redis refused, because later ones of their channel were there: their sound is a gap."""

    def send(self, pcm: bytes, channel: int = 0, end_sample: int | None = None) -> None:
        """Queue a frame: raw samples of one channel, in the encoding that was announced, of any length.

        `channel` counts from 0. `end_sample` is the position after the frame's last sample, counted from the start of
        the call; without it, the frame follows the one before. Frames may come up to 200 ms out of order, or twice.
        A jump in position becomes a gap on the timeline.

        Raises ProducerError when the call was ended, closed or erased, or for an impossible channel or position, and
        TypeError for a frame that is no bytes."""
        if not isinstance(pcm, (bytes, bytearray)):
            raise TypeError(
                f"a frame of type {type(pcm).__name__}: expected bytes, such as samples.astype('<i2').tobytes()"
            )
        outbox = self._outbox(channel)
        end = outbox.position + len(pcm) // self.sample_bytes if end_sample is None else end_sample
        self._check_position("end_sample", end)
        outbox.push(end, pcm, time.time())
        self._sender.wake(self)

    def press(self, digit: str, channel: int = 0, at_sample: int | None = None) -> None:
        """Say that a key was pressed on the phone of this channel: 0 to 9, A to D, * or #.

        `at_sample` is the position of that, counted from the start of the call; without it, where the frames end.
        Raises ProducerError as `send` does, and for any other digit."""
        if digit not in DTMF_DIGITS:
            raise ProducerError(f"digit {digit!r}: expected one of {' '.join(DTMF_DIGITS)}")
        outbox = self._outbox(channel)
        at = outbox.position if at_sample is None else at_sample
        self._check_position("at_sample", at)
        outbox.press(at, digit, time.time())
        self._sender.wake(self)

    def _outbox(self, channel: int) -> Outbox:
        if self.failure:
            raise self.failure
        if self.ended:
            raise ProducerError(f"call {self.call.call_id!r} has ended: nothing can be sent")
        if not 0 <= channel < len(self.outboxes):
            raise ProducerError(f"channel {channel}: call {self.call.call_id!r} has 0 to {len(self.outboxes) - 1}")
        return self.outboxes[channel]

    def _check_position(self, name: str, sample: int) -> None:
        if not 0 <= sample <= self._last_sample:
            raise ProducerError(f"{name} {sample}: expected a position within {MAX_CALL_MS} ms of the call's start")

    async def end(self) -> None:
        """Send what is buffered and end the call; returns when Redis has everything.

        Raises ProducerError when that can't be."""
        if not self.ended:
            self.ended = True
            for outbox in self.outboxes:
                outbox.close(time.time())
            self._sender.wake(self)
        await self.drain()

    async def drain(self) -> None:
        """Wait until Redis has every frame sent so far. Raises ProducerError when it never will."""
        await self._sender.wait_for(lambda: self.failure or not self.waiting)
        if self.failure:
            raise self.failure

    @property
    def waiting(self) -> bool:
        """Whether frames are buffered that Redis does not have yet."""
        return any(outbox.waiting for outbox in self.outboxes)

    @property
    def shed_ms(self) -> int:
        """Milliseconds of audio dropped because Redis or the stages were behind for longer than `buffer_s`."""
        return sum(outbox.shed_samples for outbox in self.outboxes) * 1000 // self.call.sample_rate

    def rewind(self) -> None:
        """Queue the latest accepted frames again: an outage may have lost them."""
        for outbox in self.outboxes:
            outbox.rewind()
