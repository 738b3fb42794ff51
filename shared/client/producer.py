"""Publishes call audio: in order, once, bounded, and through every outage that Redis can have."""

import asyncio
import time
import uuid
from collections.abc import Iterable

from redis.exceptions import NoScriptError, ResponseError

from shared.client.outbox import Outbox, OutFrame
from shared.codec import check_call, write_call
from shared.contract.v1 import CallStarted, Encoding
from shared.keys import CALLS, audio_key, meta_key, stage_key
from shared.logs import Log
from shared.pipeline import AUDIO, readers_of
from shared.runtime import scripts
from shared.runtime.connection import connect, is_outage
from shared.runtime.log import CLOSING_ID

LIMIT_S = 60.0
"""How far the slowest reader of sound may lag before frames are refused."""


class ProducerError(RuntimeError):
    """The call can't go on: somebody else produces it, it was closed, or it was erased."""


class OutgoingCall:
    """One call on its way out. `send` never waits: frames are buffered, and shed (visibly) when the buffer is full."""

    def __init__(self, producer: "Producer", call: CallStarted, buffer_s: float) -> None:
        self.call = call
        self._producer = producer
        self.sample_bytes = 2 if call.encoding == Encoding.S16LE else 1
        self.outboxes = [Outbox(call.sample_rate, self.sample_bytes, buffer_s=buffer_s) for _ in range(call.channels)]
        self.failure: ProducerError | None = None

    def send(self, pcm: bytes, channel: int = 0, end_sample: int | None = None) -> None:
        """Bytes of one channel as declared; `end_sample` defaults to right after what was sent before.

        Raises ProducerError when the call was closed or belongs to somebody else."""
        if self.failure:
            raise self.failure
        if not 0 <= channel < len(self.outboxes):
            raise ProducerError(f"channel {channel}: call {self.call.call_id!r} has {len(self.outboxes)}")
        outbox = self.outboxes[channel]
        end = outbox.position + len(pcm) // self.sample_bytes if end_sample is None else end_sample
        outbox.push(end, pcm, time.time())
        self._producer.wake()

    async def end(self) -> None:
        """Send what is left and close the logs; returns when Redis has everything."""
        for outbox in self.outboxes:
            outbox.flush()
        await self._producer.drain(self)
        await self._producer.close_logs(self)

    @property
    def waiting(self) -> bool:
        return any(outbox.waiting for outbox in self.outboxes)

    @property
    def shed_ms(self) -> int:
        """Sound that was dropped because the pipeline was behind for too long."""
        return sum(outbox.shed_samples for outbox in self.outboxes) * 1000 // self.call.sample_rate


class Producer:
    """All calls of one producing process: one connection, one pump, frames of many calls in one round trip."""

    def __init__(
        self, url: str, producer_id: str | None = None, linger_s: float = 0.01, limit_s: float = LIMIT_S
    ) -> None:
        self.producer_id = producer_id or uuid.uuid4().hex
        self._redis = connect(url)
        self._linger_s = linger_s
        self._limit_s = limit_s
        self._calls: dict[str, OutgoingCall] = {}
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None
        self._log = Log(client="producer")

    async def start(self, call: CallStarted, buffer_s: float = 30.0) -> OutgoingCall:
        """Announce a call. Raises InvalidEvent for values that make no sense, ProducerError where the id is taken."""
        call.producer_id = self.producer_id
        outgoing = OutgoingCall(self, check_call(call), buffer_s)
        await self._announce(outgoing)
        self._calls[call.call_id] = outgoing
        if self._pump is None:
            self._pump = asyncio.create_task(self._pump_frames())
        return outgoing

    async def aclose(self) -> None:
        if self._pump:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        await self._redis.aclose()

    def wake(self) -> None:
        self._work.set()

    async def drain(self, call: OutgoingCall) -> None:
        """Wait until Redis has every frame of the call. Raises ProducerError when it never will."""
        self.wake()
        async with self._progress:
            await self._progress.wait_for(lambda: call.failure or not call.waiting)
        if call.failure:
            raise call.failure

    async def close_logs(self, call: OutgoingCall) -> None:
        keys = [audio_key(call.call.call_id, channel) for channel in range(call.call.channels)]
        pause = 0.05
        while True:
            try:
                for key in keys:
                    await self._redis.execute_command("XADD", key, "NOMKSTREAM", CLOSING_ID, "end", "hangup")
                break
            except ResponseError as error:
                if "equal or smaller" in str(error):
                    keys = keys[1:]
                elif not is_outage(error):
                    raise
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(pause)
        self._calls.pop(call.call.call_id, None)

    async def _announce(self, call: OutgoingCall) -> None:
        call_id, channels = call.call.call_id, range(call.call.channels)
        json = write_call(call.call)
        keys = [CALLS, meta_key(call_id), *(audio_key(call_id, channel) for channel in channels)]
        reply = await scripts.run(self._redis, "start", keys, json, self.producer_id)
        if reply == b"TAKEN":
            raise ProducerError(f"call {call_id!r} is already there, and another producer sends it")

    async def _pump_frames(self) -> None:
        pause = 0.05
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                busy = await self._send_round()
                pause = 0.05
            except Exception as error:
                if not is_outage(error) and not isinstance(error, NoScriptError):
                    raise
                self._log.warning("redis outage, frames wait", error=repr(error))
                for call in self._calls.values():
                    for outbox in call.outboxes:
                        outbox.rewind()
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)
                busy = False
                self._work.set()
            async with self._progress:
                self._progress.notify_all()
            if any(call.waiting for call in self._calls.values()):
                self._work.set()
            await asyncio.sleep(0.1 if busy else self._linger_s)

    async def _send_round(self) -> bool:
        """Send a batch of every channel that has one. Gives whether some were refused for the time being."""
        await self._restart_lost()
        batches = [
            (call, channel, outbox.batch(64))
            for call in self._calls.values()
            for channel, outbox in enumerate(call.outboxes)
            if outbox.waiting and not call.failure
        ]
        if not batches:
            return False
        pipeline = self._redis.pipeline(transaction=False)
        for call, channel, frames in batches:
            call_id = call.call.call_id
            keys = [audio_key(call_id, channel), *(stage_key(call_id, name) for name in readers_of(AUDIO))]
            limit = int(self._limit_s * call.call.sample_rate)
            scripts.queue(pipeline, "append", keys, f"low:{AUDIO}:{channel}", limit, *_words(frames))
        replies = await pipeline.execute(raise_on_error=False)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await scripts.load(self._redis)
            return False
        busy = False
        for (call, channel, _), reply in zip(batches, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            call.outboxes[channel].accepted(int(reply[1]))
            busy = busy or reply[0] == b"BUSY"
            self._judge(call, reply[0])
        return busy

    def _judge(self, call: OutgoingCall, status: bytes) -> None:
        if status == b"CLOSED":
            call.failure = ProducerError(f"call {call.call.call_id!r} is closed: no frame is taken any more")
        elif status == b"GONE":
            call.failure = _Lost(f"call {call.call.call_id!r} is not in Redis")

    async def _restart_lost(self) -> None:
        """Redis came back without the call: announce it again, and send again what is kept."""
        for call in list(self._calls.values()):
            if isinstance(call.failure, _Lost):
                await self._announce(call)
                call.failure = None
                for outbox in call.outboxes:
                    outbox.rewind()


class _Lost(ProducerError):
    """Redis does not know the call (any more)."""


def _words(frames: Iterable[OutFrame]) -> list[object]:
    words: list[object] = []
    for frame in frames:
        fields: list[object] = [
            "pcm",
            frame.pcm,
            "audio_at",
            f"{frame.audio_at:.3f}",
            *(("shed", "1") if frame.shed else ()),
        ]
        words += [frame.end_sample, len(fields), *fields]
    return words
