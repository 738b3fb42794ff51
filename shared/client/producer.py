"""Publishes call audio: in order, once, bounded, and through every outage that Redis can have."""

import asyncio
import time
import uuid
from collections.abc import Iterable, Sequence

from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.client.outbox import Outbox, OutFrame
from speakerline.shared.codec import check_call, write_call
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.keys import CALLS, audio_key, forgotten_key, meta_key, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, readers_of
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import connect, is_outage
from speakerline.shared.runtime.ending import end

LIMIT_S = 60.0
"""How far the slowest reader of sound may lag before frames are refused."""

BATCH = 64
"""Frames of one channel in one round trip."""

BUSY_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0

MAX_CALL_MS = 2**32 - 1
"""Times of events are uint32 milliseconds: 49 days."""


class ProducerError(RuntimeError):
    """The call can't go on: somebody else produces it, it was closed, it was erased, or Redis is not there."""


class OutgoingCall:
    """One call on its way out. `send` never waits: frames are buffered, and shed (visibly) when the buffer is full."""

    def __init__(self, producer: "Producer", call: CallStarted, buffer_s: float) -> None:
        self.call = call
        self._producer = producer
        self.sample_bytes = 2 if call.encoding == Encoding.S16LE else 1
        self.outboxes = [Outbox(call.sample_rate, self.sample_bytes, buffer_s=buffer_s) for _ in range(call.channels)]
        self.failure: ProducerError | None = None
        self.lost = False
        """Redis does not know the call (any more): to be announced again."""
        self.ended = False
        self.busy_until = 0.0

    def send(self, pcm: bytes, channel: int = 0, end_sample: int | None = None) -> None:
        """Bytes of one channel as declared; `end_sample` defaults to right after what was sent before.

        Raises ProducerError when the call was ended, closed or erased, or for a channel or position that can't be."""
        if self.failure:
            raise self.failure
        if self.ended:
            raise ProducerError(f"call {self.call.call_id!r} was ended: no frame is taken any more")
        if not 0 <= channel < len(self.outboxes):
            raise ProducerError(f"channel {channel}: call {self.call.call_id!r} has {len(self.outboxes)}")
        outbox = self.outboxes[channel]
        end = outbox.position + len(pcm) // self.sample_bytes if end_sample is None else end_sample
        if not 0 <= end <= MAX_CALL_MS * self.call.sample_rate // 1000:
            raise ProducerError(f"end_sample {end}: expected a position within {MAX_CALL_MS} ms of the call's start")
        outbox.push(end, pcm, time.time())
        self._producer.wake()

    async def end(self) -> None:
        """Send what is left and close the logs; returns when Redis has everything. Raises ProducerError."""
        if not self.ended:
            self.ended = True
            for outbox in self.outboxes:
                outbox.close(time.time())
        await self._producer.drain(self)

    @property
    def waiting(self) -> bool:
        return any(outbox.waiting for outbox in self.outboxes)

    @property
    def shed_ms(self) -> int:
        """Sound that was dropped because the pipeline was behind for too long."""
        return sum(outbox.shed_samples for outbox in self.outboxes) * 1000 // self.call.sample_rate

    def rewind(self) -> None:
        """Send again what was accepted lately."""
        for outbox in self.outboxes:
            outbox.rewind()


class Producer:
    """All calls of one producing process: one connection, one pump, frames of many calls in one round trip.

    `producer_id` tells producers apart: a call that another one has announced is refused. `patience_s`: how long
    `start` waits for a Redis that is not there; after that, frames wait for as long as their buffer lasts."""

    def __init__(
        self,
        url: str,
        producer_id: str | None = None,
        linger_s: float = 0.01,
        limit_s: float = LIMIT_S,
        patience_s: float = 10.0,
    ) -> None:
        self.producer_id = producer_id or uuid.uuid4().hex
        self._redis = connect(url)
        self._frames = connect(url, self._connected)
        self._may_connect = True
        self._linger_s = linger_s
        self._limit_s = limit_s
        self._patience_s = patience_s
        self._calls: dict[str, OutgoingCall] = {}
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None
        self._log = Log(client="producer")

    async def start(self, call: CallStarted, buffer_s: float = 30.0) -> OutgoingCall:
        """Announce a call. Raises InvalidEvent for values that make no sense, ProducerError where the id is taken.

        A producer that came back with its old `producer_id` goes on with a call; its frames need `end_sample` then."""
        call.producer_id = self.producer_id
        outgoing = OutgoingCall(self, check_call(call), buffer_s)
        before = self._calls.get(call.call_id)
        if before and not before.ended and not before.failure:
            raise ProducerError(f"call {call.call_id!r} is already being sent by this producer")
        await self._announce_patiently(outgoing)
        self._calls[call.call_id] = outgoing
        if self._pump is None:
            self._pump = asyncio.create_task(self._pump_frames())
        return outgoing

    async def aclose(self) -> None:
        """Let go of the connections; what was not ended goes on as if its line had gone dead."""
        if self._pump:
            await end([self._pump])
        for call in self._calls.values():
            call.failure = call.failure or ProducerError("the producer was closed")
        await self._tell_progress()
        await self._redis.aclose()
        await self._frames.aclose()

    def wake(self) -> None:
        self._work.set()

    async def drain(self, call: OutgoingCall) -> None:
        """Wait until Redis has every frame of the call. Raises ProducerError when it never will."""
        self.wake()
        async with self._progress:
            await self._progress.wait_for(lambda: call.failure or not call.waiting)
        if call.failure:
            raise call.failure

    async def _announce_patiently(self, call: OutgoingCall) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return await self._announce(call)
            except Exception as error:
                if not is_outage(error):
                    raise
                if time.monotonic() >= until:
                    problem = (
                        f"call {call.call.call_id!r} could not be announced within {self._patience_s:g} s: {error}"
                    )
                    raise ProducerError(problem) from error
            await asyncio.sleep(BUSY_PAUSE_S)

    async def _announce(self, call: OutgoingCall) -> None:
        call_id = call.call.call_id
        audio = [audio_key(call_id, channel) for channel in range(call.call.channels)]
        keys = [CALLS, meta_key(call_id), forgotten_key(call_id), *audio]
        reply = await scripts.run(self._redis, "start", keys, write_call(call.call), self.producer_id)
        if reply == b"TAKEN":
            raise ProducerError(f"call {call_id!r} is already there, and another producer sends it")
        if reply == b"FORGOTTEN":
            raise ProducerError(f"call {call_id!r} was erased while it was sent")

    # The pump

    def _connected(self) -> None:
        """A connection was replaced: Redis may have come back without what it had last, so send that again first."""
        if not self._may_connect:
            raise RedisConnectionError("the connection broke: what was sent lately may be lost")
        self._may_connect = False

    async def _pump_frames(self) -> None:
        pause = self._linger_s
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._send_round()
                pause = self._linger_s
            except Exception as error:
                pause = min(LONGEST_PAUSE_S, max(0.05, pause * 2))
                self._interrupted(error)
            await self._tell_progress()
            self._let_go_finished()
            if any(call.waiting for call in self._calls.values()):
                self._work.set()
            await asyncio.sleep(pause)

    def _interrupted(self, error: Exception) -> None:
        self._may_connect = True
        self._let_go_finished()
        for call in self._calls.values():
            call.rewind()
            if not is_outage(error):
                call.failure = call.failure or ProducerError(f"frames can't be sent: {error!r}")
        self._log.warning("frames wait" if is_outage(error) else "frames can't be sent", error=repr(error))

    def _let_go_finished(self) -> None:
        """Forget calls that failed, and those that ended so long ago that no outage can lose them any more."""
        now = time.time()
        for call_id, call in list(self._calls.items()):
            kept = any(outbox.replays(now) for outbox in call.outboxes)
            if call.failure or (call.ended and not call.waiting and not kept):
                del self._calls[call_id]

    async def _tell_progress(self) -> None:
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
                call.failure = ProducerError(f"call {call.call.call_id!r}: Redis refuses its frames: {reply}")
            else:
                call.outboxes[channel].accepted(int(reply[1]))
                self._judge(call, reply[0], now)

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
            elif frame.shed:
                fields += ["shed", "1"]
            words += [frame.end_sample, len(fields), *fields]
        return words

    def _judge(self, call: OutgoingCall, status: bytes, now: float) -> None:
        if status == b"BUSY":
            call.busy_until = now + BUSY_PAUSE_S
        elif status == b"CLOSED":
            call.failure = ProducerError(f"call {call.call.call_id!r} is closed: no frame is taken any more")
        elif status == b"GONE":
            call.lost = True

    async def _announce_lost(self) -> None:
        """Redis came back without the call: announce it again, and send again what is kept."""
        for call in list(self._calls.values()):
            if call.lost and not call.failure:
                try:
                    await self._announce(call)
                except ProducerError as error:
                    call.failure = error
                call.lost = False
                call.rewind()
