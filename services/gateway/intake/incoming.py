"""One producer's connection from its first message to the end of its call.

messages ──> dialect ──> Opened: announce the call ──> Sound, Key: intake ──> Producer ──> Redis
                 └─────> Reply: back to the producer      Ended, the connection's end: end the call
"""

import asyncio
import math
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import anyio

from speakerline.services.gateway.dialects.base import Dialect, Ended, Key, Opened, Reply, Sound
from speakerline.services.gateway.dialects.closing import (
    ENDED,
    FAULT,
    IDLE,
    NO_HELLO,
    POLICY,
    TRY_AGAIN,
    Violation,
)
from speakerline.services.gateway.inbox import Message, Take
from speakerline.services.gateway.intake.intake import Intake
from speakerline.services.gateway.intake.limits import Limits
from speakerline.services.gateway.intake.metrics import IntakeMetrics
from speakerline.services.gateway.intake.replies import Replies
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.services.gateway.intake.words_back import WordsBack
from speakerline.shared.client.producer import CallTaken, OutgoingCall, Producer, ProducerError
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.ending import end

LONGEST_STEP_S = 2.0
"""The steps in which the deadline moves, because each move costs; a tenth of `idle_s` where that is less."""

LAST_WORDS_S = 4.0
"""How long a producer that ended its call is kept waiting for its last words; Genesys waits for five."""

_NOT_IN_AN_ID = re.compile(r"[^!-z|~]")
LONGEST_ID = 120


class Peer(Protocol):
    """The other end of a connection."""

    async def hear(self, take: Take) -> bool:
        """Have `take` called with messages, or pieces of a stream, as they come, until it wants no more: True; or until
        the connection is over: False. Raises Violation for a message that ended it, and what `take` raises."""
        ...

    async def send(self, text: str) -> None:
        """Send a message; nothing happens where nobody is there any more."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it; nothing happens where it is closed."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """What all connections share."""

    settings: IntakeSettings
    producer: Producer
    subscriber: Subscriber
    limits: Limits
    metrics: IntakeMetrics
    log: Log

    async def serve(self, name: str, dialect: Dialect, peer: Peer, tenant: str) -> None:
        """Take the call of one connection, which speaks dialect `name`, for a tenant; returns when both are over."""
        connection = _Connection(self, name, dialect, peer, tenant)
        with self.metrics.sockets.labels(name).track_inprogress():
            await connection.run()


class _Connection:
    def __init__(self, shared: Incoming, name: str, dialect: Dialect, peer: Peer, tenant: str) -> None:
        self._shared = shared
        self._name = name
        self._dialect = dialect
        self._peer = peer
        self._replies = Replies(peer.send)
        self._tenant = tenant
        self._intake: Intake | None = None
        self._call: OutgoingCall | None = None
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self._words: asyncio.Task[None] | None = None
        self._said: Iterator[Opened | Reply] = iter(())
        """What is to be done before the next messages are taken: it takes the rest of those that came."""
        self._patience = anyio.CancelScope()
        self._came_at = self._heard_at = 0.0
        """When the last messages came, and the last sound."""
        self._moved_at = -math.inf
        """When the deadline was last moved."""
        self._step_s = min(LONGEST_STEP_S, shared.settings.idle_s / 10)
        self._heard = 0
        """Frames of sound that the metric has not counted yet."""
        self._held = ExitStack()
        self._frames = shared.metrics.frames.labels(name)

    async def run(self) -> None:
        try:
            with self._held:
                self._held.enter_context(self._shared.limits.hold("sockets", self._tenant))
                async with self._whole_call():
                    await self._listen()
                await self._close(ENDED, "")
        except Violation as violation:
            self._shared.metrics.refused.labels(violation.reason).inc()
            self._log("connection refused", reason=violation.reason, error=str(violation))
            await self._close(violation.code, str(violation))
        except SpeakerlineError as error:
            self._shared.metrics.refused.labels("call").inc()
            # The message of any other error may quote what the producer said: that one is told, and no log.
            self._log("call refused", error=told(error) if isinstance(error, ProducerError) else type(error).__name__)
            await self._close(POLICY, str(error))
        except Exception as error:
            self._shared.metrics.refused.labels("fault").inc()
            self._log("connection failed", error=told(error))
            await self._close(FAULT, "a fault of the gateway")

    async def _listen(self) -> None:
        """Until the call is over."""
        settings, loop = self._shared.settings, asyncio.get_running_loop()
        with anyio.CancelScope(deadline=loop.time() + settings.hello_s) as self._patience:
            while not self._ended and await self._peer.hear(self._take):
                for signal in self._said:
                    await self._act(signal)
                self._took()
        if self._patience.cancelled_caught and self._call:
            raise Violation(IDLE, "idle", f"nothing came for {settings.idle_s:g} s")
        if self._patience.cancelled_caught:
            raise Violation(NO_HELLO, "no_hello", f"no call was opened within {settings.hello_s:g} s")

    def _take(self, messages: Sequence[Message]) -> bool:
        """Take what nobody has to wait for. Whether that was all, and the call goes on."""
        said = self._to_wait_for(messages, asyncio.get_running_loop().time())
        for first in said:
            self._said = chain([first], said)
            return False
        self._took()
        return not self._ended

    def _to_wait_for(self, messages: Sequence[Message], now: float) -> Iterator[Opened | Reply]:
        """What the messages say, in order; all else is done meanwhile."""
        self._came_at = now
        for message in messages:
            for signal in self._dialect.receive(message):
                if isinstance(signal, Sound):
                    assert self._intake
                    self._intake.sound(signal, now)
                    self._heard_at = now
                    self._heard += 1
                    continue
                self._send()
                if isinstance(signal, Key):
                    self._press(signal)
                elif isinstance(signal, Ended):
                    self._ended = True
                    return
                else:
                    yield signal

    def _took(self) -> None:
        """What is ready goes on its way; the deadline moves, in steps."""
        self._send()
        if self._call and self._came_at >= self._moved_at + self._step_s:
            self._moved_at = self._came_at
            self._patience.deadline = self._came_at + self._shared.settings.idle_s + self._step_s
            self._count()

    def _count(self) -> None:
        """Tell the metric what was heard: now and then, because that costs as much as a frame."""
        self._frames.inc(self._heard)
        self._heard = 0

    def _press(self, key: Key) -> None:
        if self._call and self._intake and self._shared.settings.dtmf:
            press = self._intake.key(key)
            self._call.press(press.digit, press.channel, press.at_sample)

    async def _act(self, signal: Opened | Reply) -> None:
        if isinstance(signal, Opened):
            self._patience.deadline = math.inf  # the announcement has a patience of its own
            await self._open(signal)
        else:
            await self._replies.say(signal.text)

    def _send(self) -> None:
        """What the intake has ready."""
        if self._call and self._intake and (frames := self._intake.frames()):
            for frame in frames:
                self._call.send(frame.pcm, frame.channel, frame.end_sample)

    # The call

    async def _open(self, opened: Opened) -> None:
        self._held.enter_context(self._shared.limits.hold("calls", self._tenant))
        self._intake = Intake(opened)
        given = _NOT_IN_AN_ID.sub("_", opened.call_id)[:LONGEST_ID]
        name = given or f"{self._name}-{secrets.token_hex(8)}"
        try:
            self._call = await self._start(name)
        except CallTaken:
            self._call = await self._start(f"{name}-{secrets.token_hex(4)}")
        self._shared.metrics.calls.labels(self._name).inc()
        self._tasks.append(asyncio.create_task(self._fill(self._call, self._intake)))
        if self._dialect.wants_words:
            self._words = asyncio.create_task(self._tell_words(self._call.call.call_id))
            self._tasks.append(self._words)

    async def _start(self, name: str) -> OutgoingCall:
        assert self._intake
        try:
            announcement = self._intake.announcement(self._tenant, name)
            return await self._shared.producer.start(announcement, resume=False, reorder_ms=0)
        except CallTaken:
            raise
        except ProducerError as error:
            raise Violation(TRY_AGAIN, "no_redis", str(error)) from error

    @asynccontextmanager
    async def _whole_call(self) -> AsyncIterator[None]:
        """However the block ends: what waits is sent, and the call ends."""
        try:
            yield
        finally:
            if self._call and self._intake:
                await asyncio.shield(self._end(self._call, self._intake))
            await end(self._tasks)

    async def _end(self, call: OutgoingCall, intake: Intake) -> None:
        metrics, end_s = self._shared.metrics, self._shared.settings.end_s
        intake.end()
        self._count()
        metrics.lost.labels(self._name).inc(intake.lost_s)
        metrics.late.labels(self._name).inc(intake.late)
        try:
            self._send()
            await asyncio.wait_for(call.end(), end_s)
            if self._words and self._ended:
                await asyncio.wait([self._words], timeout=LAST_WORDS_S)
        except ProducerError as error:
            self._log("call ended by others", error=told(error))
        except asyncio.TimeoutError:
            self._log("the end of a call waits for Redis", end_s=end_s)

    async def _fill(self, call: OutgoingCall, intake: Intake) -> None:
        """Silence where the producer is silent for long, until its call is over."""
        loop, fill_s = asyncio.get_running_loop(), self._shared.settings.fill_s
        while not (call.ended or call.failure):
            await asyncio.sleep(fill_s / 4)
            if loop.time() - self._heard_at >= fill_s and not (call.ended or call.failure):
                self._heard_at = loop.time()
                intake.fill(self._heard_at)
                self._send()

    async def _tell_words(self, call_id: str) -> None:
        """Give the producer the words of its call, until that ends."""
        words = WordsBack(lambda words: self._replies.say_next(lambda: self._dialect.tell(words)))
        try:
            await words.run(self._shared.subscriber.follow(call_id))
        except Exception as error:
            self._log("no more words for the producer", error=told(error))

    async def _close(self, code: int, problem: str) -> None:
        await self._replies.say(self._dialect.farewell(problem))
        self._shared.metrics.closed.labels(self._name, str(code)).inc()
        await self._peer.close(code, problem)

    def _log(self, event: str, **fields: object) -> None:
        known = {"call_id": self._call.call.call_id} if self._call else {}
        self._shared.log.warning(event, dialect=self._name, **known, **fields)
