"""Sends the calls of one shard: announces them, and pumps their frames into Redis, again after every outage."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.addresses import Address
from speakerline.shared.client.lane import Lane
from speakerline.shared.client.outbox import OutFrame
from speakerline.shared.client.outgoing import CallTaken, OutgoingCall, ProducerError
from speakerline.shared.codec import write_call
from speakerline.shared.failures import told
from speakerline.shared.keys import CALLS, audio_key, forgotten_key, meta_key, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, readers_of
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import connect, is_outage
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.packed import Packed, joined, packed

BATCH = 64
"""Frames of one channel in one round trip."""

HEAP = 100
"""So many frames, and the rest of the channel that has the last of them, are one script: others wait for it."""

CHECK_S = 1.0
"""How often an idle sender looks whether Redis went down, while it has frames that may be lost with it."""

SHORTEST_PAUSE_S = 0.01
"""After a round in which nothing could be sent, because Redis has enough of the calls that wait."""

BUSY_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0

CLOSED_BECAUSE = {
    b"idle": "nothing came for too long",
    b"unheard": "no sound came, and too many calls without sound waited",
}
"""What a closing entry that the stages wrote says."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a producer sends, as `Producer` explains it."""

    producer_id: str
    linger_s: float
    limit_s: float
    patience_s: float
    on_accepted: Callable[[float], None] | None


Batch = tuple[OutgoingCall, int, list[OutFrame]]
"""Of a call and a channel."""


def in_heaps(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """As many together as are one script."""
    heap, frames = list[Batch](), 0
    for batch in batches:
        heap.append(batch)
        frames += len(batch[2])
        if frames >= HEAP:
            yield heap
            heap, frames = [], 0
    if heap:
        yield heap


class Sender:
    """The connections to one shard, and the calls that are sent there."""

    def __init__(self, address: Address, manner: Manner) -> None:
        self._redis = connect(address)
        self._frames = connect(address, self._connected)
        self._may_connect = True
        self._manner = manner
        self._calls: dict[str, OutgoingCall] = {}
        self._waiting: dict[OutgoingCall, None] = {}
        """Those of them that have frames to send, in turn: of many calls few have, each time."""
        self._work = asyncio.Event()
        self._progress = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None
        self._log = Log(client="producer")

    async def start(self, outgoing: OutgoingCall, resume: bool) -> None:
        """Announce the call, and send from now on what it queues. Raises CallTaken, ProducerError."""
        call_id = outgoing.call.call_id
        before = self._calls.get(call_id)
        if before and not before.ended and not before.failure:
            raise CallTaken(f"call {call_id!r} is already being sent by this producer")
        await self._announce_patiently(outgoing, resume)
        outgoing.lanes = [self._lane(outgoing, channel) for channel in range(outgoing.call.channels)]
        self._calls[call_id] = outgoing
        if self._pump is None:
            self._pump = asyncio.create_task(self._pump_frames())

    async def aclose(self) -> None:
        """Close the connections, and fail what is still being sent."""
        if self._pump:
            await end([self._pump])
        for call in self._calls.values():
            call.failure = call.failure or ProducerError("the producer was closed")
        await self._notify_progress()
        await self._redis.aclose()
        await self._frames.aclose()

    def wake(self, call: OutgoingCall) -> None:
        """The call has something to send."""
        self._waiting[call] = None
        self._work.set()

    async def wait_for(self, done: Callable[[], object]) -> None:
        """Wait until `done` is true; looks after every round of sending."""
        self._work.set()
        async with self._progress:
            await self._progress.wait_for(done)

    async def _announce_patiently(self, call: OutgoingCall, resume: bool) -> None:
        until = time.monotonic() + self._manner.patience_s
        while True:
            try:
                return await self._announce(call, resume)
            except Exception as error:
                if not is_outage(error):
                    raise
                if time.monotonic() >= until:
                    within_s = f"{self._manner.patience_s:g} s"
                    problem = f"call {call.call.call_id!r} could not be announced within {within_s}: {error}"
                    raise ProducerError(problem) from error
            await asyncio.sleep(BUSY_PAUSE_S)

    async def _announce(self, call: OutgoingCall, resume: bool = True) -> None:
        call_id = call.call.call_id
        audio = [audio_key(call_id, channel) for channel in range(call.call.channels)]
        keys = [CALLS, meta_key(call_id), forgotten_key(call_id), *audio]
        words = (write_call(call.call), self._manner.producer_id, call.attempt)
        reply = await scripts.run(self._redis, "start", keys, *words)
        if reply == b"TAKEN":
            raise CallTaken(f"call {call_id!r} already exists, begun by another producer: a new call needs another id")
        if reply == b"RESUMED" and not resume:
            raise CallTaken(f"call {call_id!r} already exists, begun by this producer: a new call needs another id")
        if reply == b"FORGOTTEN":
            raise ProducerError(f"call {call_id!r} was erased")

    # The pump

    def _connected(self) -> None:
        """A connection was replaced: Redis may have lost the latest frames, so they must be sent again first."""
        if not self._may_connect:
            raise RedisConnectionError("the connection broke: the latest frames may be lost")
        self._may_connect = False

    async def _pump_frames(self) -> None:
        pause, drops_at = self._manner.linger_s, 0.0
        while True:
            try:
                await self._wait_for_work()
                sent = await self._send_round()
                pause = self._manner.linger_s if sent else max(SHORTEST_PAUSE_S, self._manner.linger_s)
            except Exception as error:
                pause = min(LONGEST_PAUSE_S, max(0.05, pause * 2))
                self._interrupted(error)
            await self._notify_progress()
            if (now := time.monotonic()) >= drops_at:
                self._drop_finished()
                drops_at = now + CHECK_S
            if self._waiting:
                self._work.set()
            await asyncio.sleep(pause)

    async def _wait_for_work(self) -> None:
        """Frames to send; or nothing for a while, and Redis is there as before."""
        if not self._work.is_set():
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
            self._waiting[call] = None
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

    async def _send_round(self) -> bool:
        """Send a batch of every channel that has one. Whether any has."""
        await self._announce_lost()
        now = time.monotonic()
        batches = self._batches(now)
        if not batches:
            return False
        replies = await self._append(batches)
        problems = [reply for reply in replies if isinstance(reply, Exception) and is_outage(reply)]
        if problems:
            raise problems[0]
        oldest = told_at = time.time()
        for (call, channel, _), reply in zip(batches, replies, strict=True):
            if isinstance(reply, Exception):
                call.failure = ProducerError(f"call {call.call.call_id!r}: Redis refused its frames: {reply}")
            else:
                outbox = call.outboxes[channel]
                oldest = min(oldest, outbox.accepted(int(reply[1]), now))
                if reply[0] != b"OK" or reply[2]:
                    self._judge(call, reply, now)
                if outbox.waiting:
                    self._waiting[call] = None
        if self._manner.on_accepted and oldest < told_at:
            self._manner.on_accepted(told_at - oldest)
        return True

    def _batches(self, now: float) -> list[Batch]:
        """Those of the calls that wait; who can send nothing now waits on."""
        waiting, self._waiting = self._waiting, {}
        batches: list[Batch] = []
        for call in waiting:
            if call.busy_until > now:
                self._waiting[call] = None
            elif not call.failure:
                for channel, outbox in enumerate(call.outboxes):
                    if outbox.waiting:
                        batches.append((call, channel, outbox.batch(BATCH)))
        return batches

    async def _append(self, batches: Sequence[Batch]) -> list[Any]:
        """The reply to each; an exception where Redis refused it."""
        heaps = [*in_heaps(batches)]
        answers = await scripts.run_all(self._frames, "append", [self._run(heap) for heap in heaps])
        replies = list[Any]()
        for answer, heap in zip(answers, heaps, strict=True):
            replies += [answer] * len(heap) if isinstance(answer, Exception) else answer
        return replies

    def _run(self, heap: Sequence[Batch]) -> Packed:
        """Of the script."""
        keys = joined([call.lanes[channel].keys for call, channel, _ in heap])
        arguments = [call.lanes[channel].arguments(frames) for call, channel, frames in heap]
        return joined([packed(keys.count), keys, packed(self._manner.producer_id, len(heap)), *arguments])

    def _lane(self, call: OutgoingCall, channel: int) -> Lane:
        name = call.call.call_id
        keys = [audio_key(name, channel), *(stage_key(name, stage) for stage in readers_of(AUDIO))]
        limit = int(self._manner.limit_s * call.call.sample_rate)
        return Lane([*map(self._frames.key, keys)], f"low:{AUDIO}:{channel}", limit, self._manner.producer_id)

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
        for call in list(self._waiting):
            if call.lost and not call.failure:
                try:
                    await self._announce(call)
                except ProducerError as error:
                    call.failure = error
                call.lost = False
                call.rewind()
