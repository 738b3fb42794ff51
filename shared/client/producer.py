"""Publishes call audio: in order, without repeats, with bounded buffers, and through outages of Redis."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Sequence

from redis.exceptions import ConnectionError as RedisConnectionError
from typing_extensions import Self

from speakerline.shared.client.outbox import Outbox, OutFrame
from speakerline.shared.codec import DTMF_DIGITS, check_call, write_call
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.keys import CALLS, audio_key, forgotten_key, meta_key, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, readers_of
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import connect, is_outage
from speakerline.shared.runtime.ending import end

LIMIT_S = 60.0
"""How far the slowest stage that reads audio may fall behind before frames wait in the producer."""

BATCH = 64
"""Frames of one channel in one round trip."""

CHECK_S = 1.0
"""How often an idle producer looks whether Redis went down, while it has frames that may be lost with it."""

BUSY_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0

CLOSED_BECAUSE = {
    b"idle": "nothing came for too long",
    b"unheard": "no sound came, and too many calls without sound waited",
}
"""What a closing entry that the stages wrote says."""

MAX_CALL_MS = 2**32 - 1
"""Times of events are uint32 milliseconds: 49 days."""


class ProducerError(SpeakerlineError, RuntimeError):
    """A call can't start or go on: its id is taken, it was closed or erased, or Redis could not be reached."""


class CallTaken(ProducerError):
    """Somebody sends, or has sent, a call with this id."""


class OutgoingCall:
    """A call that is being sent; `Producer.start` makes it.

    `send` never blocks. Frames that Redis can't take yet are buffered for `buffer_s`; then the oldest are dropped, and
    the timeline shows a gap there."""

    def __init__(self, producer: "Producer", call: CallStarted, buffer_s: float, reorder_ms: int) -> None:
        self.call = call
        self._producer = producer
        self.sample_bytes = 2 if call.encoding == Encoding.S16LE else 1
        self.outboxes = [
            Outbox(call.sample_rate, self.sample_bytes, reorder_ms, buffer_s, in_step=call.channels > 1)
            for _ in range(call.channels)
        ]
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

        Raises ProducerError when the call was ended, closed or erased, or for an impossible channel or position."""
        outbox = self._outbox(channel)
        end = outbox.position + len(pcm) // self.sample_bytes if end_sample is None else end_sample
        self._check_position("end_sample", end)
        outbox.push(end, pcm, time.time())
        self._producer.wake()

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
        self._producer.wake()

    def _outbox(self, channel: int) -> Outbox:
        if self.failure:
            raise self.failure
        if self.ended:
            raise ProducerError(f"call {self.call.call_id!r} has ended: nothing can be sent")
        if not 0 <= channel < len(self.outboxes):
            raise ProducerError(f"channel {channel}: call {self.call.call_id!r} has 0 to {len(self.outboxes) - 1}")
        return self.outboxes[channel]

    def _check_position(self, name: str, sample: int) -> None:
        if not 0 <= sample <= MAX_CALL_MS * self.call.sample_rate // 1000:
            raise ProducerError(f"{name} {sample}: expected a position within {MAX_CALL_MS} ms of the call's start")

    async def end(self) -> None:
        """Send what is buffered and end the call; returns when Redis has everything.

        Raises ProducerError when that can't be."""
        if not self.ended:
            self.ended = True
            for outbox in self.outboxes:
                outbox.close(time.time())
        await self.drain()

    async def drain(self) -> None:
        """Wait until Redis has every frame sent so far. Raises ProducerError when it never will."""
        await self._producer.wait_for(lambda: self.failure or not self.waiting)
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


class Producer:
    """Sends calls to the Redis at `url`; one per process is enough. `async with` closes it, and so does `aclose`.

    producer_id: identifies this producer, so that no other can send its calls; a random one by default.
    linger_s: pause between batches of frames, in seconds.
    limit_s: how many seconds of audio the slowest stage may be behind before frames wait here.
    patience_s: how many seconds `start` waits for an unreachable Redis.
    on_accepted: called for each frame with the seconds from `send` to the answer of Redis."""

    def __init__(
        self,
        url: str,
        producer_id: str | None = None,
        linger_s: float = 0.01,
        limit_s: float = LIMIT_S,
        patience_s: float = 10.0,
        on_accepted: Callable[[float], None] | None = None,
    ) -> None:
        self.producer_id = producer_id or uuid.uuid4().hex
        self._redis = connect(url)
        self._frames = connect(url, self._connected)
        self._may_connect = True
        self._linger_s = linger_s
        self._limit_s = limit_s
        self._patience_s = patience_s
        self._on_accepted = on_accepted
        self._calls: dict[str, OutgoingCall] = {}
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None
        self._log = Log(client="producer")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def start(
        self, call: CallStarted, buffer_s: float = 30.0, resume: bool = True, reorder_ms: int = 200
    ) -> OutgoingCall:
        """Announce a call; its frames may be sent from now on. Up to `buffer_s` seconds of them are buffered.

        A restarted producer with the same `producer_id` may continue a call; its frames then need `end_sample`. With
        `resume` False it may not: the id must be new. A frame behind a hole waits for those in it until sound has come
        for `reorder_ms`.
        Raises InvalidEvent for an invalid announcement, ProducerError where the id is taken or Redis is unreachable."""
        call.producer_id = self.producer_id
        outgoing = OutgoingCall(self, check_call(call), buffer_s, reorder_ms)
        before = self._calls.get(call.call_id)
        if before and not before.ended and not before.failure:
            raise CallTaken(f"call {call.call_id!r} is already being sent by this producer")
        await self._announce_patiently(outgoing, resume)
        self._calls[call.call_id] = outgoing
        if self._pump is None:
            self._pump = asyncio.create_task(self._pump_frames())
        return outgoing

    async def aclose(self) -> None:
        """Close the connections. A call that was not ended is closed by the stages after 60 s without audio."""
        if self._pump:
            await end([self._pump])
        for call in self._calls.values():
            call.failure = call.failure or ProducerError("the producer was closed")
        await self._notify_progress()
        await self._redis.aclose()
        await self._frames.aclose()

    def wake(self) -> None:
        """There is something to send."""
        self._work.set()

    async def wait_for(self, done: Callable[[], object]) -> None:
        """Wait until `done` is true; looks after every round of sending."""
        self.wake()
        async with self._progress:
            await self._progress.wait_for(done)

    async def _announce_patiently(self, call: OutgoingCall, resume: bool) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return await self._announce(call, resume)
            except Exception as error:
                if not is_outage(error):
                    raise
                if time.monotonic() >= until:
                    problem = (
                        f"call {call.call.call_id!r} could not be announced within {self._patience_s:g} s: {error}"
                    )
                    raise ProducerError(problem) from error
            await asyncio.sleep(BUSY_PAUSE_S)

    async def _announce(self, call: OutgoingCall, resume: bool = True) -> None:
        call_id = call.call.call_id
        audio = [audio_key(call_id, channel) for channel in range(call.call.channels)]
        keys = [CALLS, meta_key(call_id), forgotten_key(call_id), *audio]
        reply = await scripts.run(self._redis, "start", keys, write_call(call.call), self.producer_id)
        if reply == b"TAKEN":
            raise CallTaken(f"call {call_id!r} already exists: another producer sends it")
        if reply == b"RESUMED" and not resume:
            raise CallTaken(f"call {call_id!r} already exists: this producer has sent it")
        if reply == b"FORGOTTEN":
            raise ProducerError(f"call {call_id!r} was erased")

    # The pump

    def _connected(self) -> None:
        """A connection was replaced: Redis may have lost the latest frames, so they must be sent again first."""
        if not self._may_connect:
            raise RedisConnectionError("the connection broke: the latest frames may be lost")
        self._may_connect = False

    async def _pump_frames(self) -> None:
        pause = self._linger_s
        while True:
            try:
                await self._wait_for_work()
                await self._send_round()
                pause = self._linger_s
            except Exception as error:
                pause = min(LONGEST_PAUSE_S, max(0.05, pause * 2))
                self._interrupted(error)
            await self._notify_progress()
            self._drop_finished()
            if any(call.waiting for call in self._calls.values()):
                self._work.set()
            await asyncio.sleep(pause)

    async def _wait_for_work(self) -> None:
        """Frames to send; or nothing for a while, and Redis is there as before."""
        try:
            await asyncio.wait_for(self._work.wait(), CHECK_S if self._calls else None)
        except asyncio.TimeoutError:
            await self._frames.ping()
        self._work.clear()

    def _interrupted(self, error: Exception) -> None:
        self._may_connect = True
        self._drop_finished()
        for call in self._calls.values():
            call.rewind()
            if not is_outage(error):
                call.failure = call.failure or ProducerError(f"frames could not be sent: {told(error)}")
        self._log.warning("frames wait" if is_outage(error) else "frames can't be sent", error=told(error))

    def _drop_finished(self) -> None:
        """Drop calls that failed, and those that ended so long ago that no outage can lose their frames."""
        now = time.monotonic()
        for call_id, call in list(self._calls.items()):
            kept = any(outbox.replays(now) for outbox in call.outboxes)
            if call.failure or (call.ended and not call.waiting and not kept):
                del self._calls[call_id]

    async def _notify_progress(self) -> None:
        async with self._progress:
            self._progress.notify_all()

    async def _send_round(self) -> None:
        """Send a batch of every channel that has one."""
        await self._announce_lost()
        now = time.monotonic()
        batches = [
            (call, channel, outbox.batch(BATCH))
            for call in self._calls.values()
            if not call.failure and call.busy_until <= now
            for channel, outbox in enumerate(call.outboxes)
            if outbox.waiting
        ]
        if not batches:
            return
        runs = [self._append(call, channel, frames) for call, channel, frames in batches]
        replies = await scripts.run_all(self._frames, "append", runs)
        problems = [reply for reply in replies if isinstance(reply, Exception) and is_outage(reply)]
        if problems:
            raise problems[0]
        for (call, channel, _), reply in zip(batches, replies, strict=True):
            if isinstance(reply, Exception):
                call.failure = ProducerError(f"call {call.call.call_id!r}: Redis refused its frames: {reply}")
            else:
                self._tell_accepted(call.outboxes[channel].accepted(int(reply[1]), now))
                self._judge(call, reply, now)

    def _tell_accepted(self, frames: Sequence[OutFrame]) -> None:
        if self._on_accepted:
            now = time.time()
            for frame in frames:
                if frame.pcm:
                    self._on_accepted(max(0.0, now - frame.audio_at))

    def _append(
        self, call: OutgoingCall, channel: int, frames: Iterable[OutFrame]
    ) -> tuple[Sequence[str], Sequence[object]]:
        call_id = call.call.call_id
        keys = [audio_key(call_id, channel), *(stage_key(call_id, name) for name in readers_of(AUDIO))]
        limit = int(self._limit_s * call.call.sample_rate)
        return keys, [f"low:{AUDIO}:{channel}", limit, self.producer_id, *self._words(frames)]

    def _words(self, frames: Iterable[OutFrame]) -> list[object]:
        words: list[object] = []
        for frame in frames:
            fields: list[object] = ["pcm", frame.pcm, "audio_at", f"{frame.audio_at:.3f}"]
            if frame.closes:
                fields = ["end", "hangup", "by", self.producer_id]
            elif frame.digit:
                fields = ["dtmf", frame.digit]
            elif frame.shed:
                fields += ["shed", "1"]
            words += [f"{frame.end_sample}-{frame.number}", len(fields), *fields]
        return words

    def _judge(self, call: OutgoingCall, reply: Sequence[bytes], now: float) -> None:
        status = reply[0]
        if status == b"BUSY":
            call.busy_until = now + BUSY_PAUSE_S
        elif status == b"CLOSED":
            why = CLOSED_BECAUSE.get(reply[2], "by another producer")
            call.failure = ProducerError(f"call {call.call.call_id!r} is closed ({why}): no frame can be sent")
        elif status == b"GONE":
            call.lost = True
        elif late := int(reply[2]):
            call.late_frames += late
            self._log.warning("frames came too late", call_id=call.call.call_id, frames=late)

    async def _announce_lost(self) -> None:
        """Redis came back without these calls: announce them again, and send the kept frames again."""
        for call in list(self._calls.values()):
            if call.lost and not call.failure:
                try:
                    await self._announce(call)
                except ProducerError as error:
                    call.failure = error
                call.lost = False
                call.rewind()
