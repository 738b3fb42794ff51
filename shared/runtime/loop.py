"""The loop of a worker, turn by turn. It alone changes the table of calls; drives and heartbeat only report what a
call is worth (trust.py). A slow call delays only itself: its drive waits, the loop reads on for the others.

    sweep ──> take ──> reload doubtful ──> let go what leaves ──> XREAD all ──> start drives ──> linger ──┐
      ^                                                                                                   │
      └───────────────────────────────────────────────────────────────────────────────────────────────────┘
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from speakerline.shared.keys import CALLS, stream_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime.balancing import Balancer
from speakerline.shared.runtime.connection import CONNECTION_LOST, Shard
from speakerline.shared.runtime.dangers import dangers_of
from speakerline.shared.runtime.driving import Driver
from speakerline.shared.runtime.lobby import Announced, Lobby
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.opening import Opener
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.progress import Progress
from speakerline.shared.runtime.reading import ReadSet
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.trust import Report
from speakerline.shared.runtime.workplace import Workplace

BLOCK_S = 0.25
"""The longest that a read waits: how late calls without entries are reloaded, committed and swept."""

MOST_SILENT = 256
"""Announcements taken at a time where those before were all silent."""


class Loop:
    """`calls` is the worker's own table."""

    def __init__(
        self,
        redis: Shard,
        calls: dict[bytes, OwnedCall],
        ownership: Ownership,
        opener: Opener,
        lobby: Lobby,
        driver: Driver,
        balancer: Balancer,
        progress: Progress,
        clock: RedisClock,
        workplace: Workplace,
        options: WorkerOptions,
        metrics: StageMetrics,
        log: Log,
    ) -> None:
        self.joined = False
        """Whether this worker is known to be in the stage's consumer group; if not, the next turn joins it."""
        self._redis = redis
        self._calls = calls
        self._ownership = ownership
        self._opener = opener
        self._lobby = lobby
        self._driver = driver
        self._balancer = balancer
        self._progress = progress
        self._clock = clock
        self._workplace = workplace
        self._options = options
        self._metrics = metrics
        self._log = log
        self._reads = ReadSet(redis.key, [ownership.wake_key, ownership.my_wake_key], options.read_count)
        self._wants_calls = True
        self._grab = options.grab
        """How many announcements are taken next: more where those before were all silent, so that a call with sound
        that waits behind them is found soon."""

    async def turn(self) -> None:
        """One turn. Where the connection breaks, Redis may come back without what was read ahead: all is reloaded."""
        try:
            await self._turn()
        except CONNECTION_LOST:
            for call in self._calls.values():
                call.trust.report(Report.OUTAGE, time.monotonic())
            raise

    def want_calls(self) -> None:
        """Look for calls to take in the next turn."""
        self._wants_calls = True

    def restart(self) -> None:
        """After an outage, whose commits may have moved where calls read."""
        self._reads.changed()
        self.want_calls()

    async def _turn(self) -> None:
        self._progress.turned()
        if not self.joined:
            await self._join()
        self._sweep()
        if self._wants_calls:
            await self._take()
        await self._reload()
        await self._balancer.let_go()
        self._reads.refresh(self._calls.values())
        more_to_take = self._grab > self._options.grab or self._lobby.stirred
        block_ms = 1 if more_to_take else max(1, int(min(BLOCK_S, self._options.lazy_s) * 1000))
        started = time.monotonic()
        replies = await self._read(block_ms)
        self._progress.read()
        self._accept(replies or ())
        self._start_due()
        if replies:
            await asyncio.sleep(max(0.0, self._options.linger_s - (time.monotonic() - started)))

    async def _join(self) -> None:
        for danger in await dangers_of(self._redis):
            self._log.warning("redis may lose calls", danger=danger)
        await self._ownership.join()
        for key in (CALLS, self._ownership.wake_key):
            newest = await self._redis.execute_command("XREVRANGE", self._redis.key(key), "+", "-", "COUNT", 1)
            self._reads.skip_control_to(key, newest[0][0] if newest else b"0-0")
        await self._balancer.weigh()
        self.joined = self._wants_calls = True

    def _sweep(self) -> None:
        """Drop what was let go."""
        gone = [entry for entry, call in self._calls.items() if call.trust.gone]
        for entry in gone:
            call = self._calls.pop(entry)
            self._log.info("call let go", call_id=call.id, why=call.trust.gone)
        if gone:
            self._reads.changed()
            self._wants_calls = True

    # Taking up calls

    async def _take(self) -> None:
        """Take up calls: those in the lobby that came to life first, then what was announced."""
        self._wants_calls = False
        with self._workplace.reserved(self._lobby.stirred) as room:
            await self._open(await self._lobby.leave(room, self._options.grab))
        with self._workplace.reserved(self._grab) as room:
            held = self._calls.keys() | self._lobby.entries
            wanted = self._balancer.wanted, self._balancer.drains
            claims = await self._ownership.take(room, held, *wanted) if room else []
            heard = await self._lobby.receive(await self._opener.read(claims))
            self._reads.watch(self._lobby.watched)
            full_take = len(claims) >= room > 0
            self._wants_calls = self._wants_calls or full_take or self._lobby.stirred > 0
            self._grab = min(MOST_SILENT, 2 * self._grab) if full_take and not heard else self._options.grab
            await self._open(heard)

    async def _reload(self) -> None:
        now = time.monotonic()
        waiting = [call for call in self._calls.values() if call.trust.to_reload and not call.driving]
        await self._open([(call.claim, call.call) for call in waiting if call.trust.retry_at <= now])

    async def _open(self, announced: Sequence[Announced]) -> None:
        """Take up what was claimed, or reload what is in doubt."""
        for call in await self._opener.open(announced, self._calls):
            self._calls[call.claim.entry] = call
            self._reads.changed()
            self._driver.start(call)

    # Reading

    async def _read(self, block_ms: int) -> Any:
        """What is there, or comes soon; and what time it is by the clock of Redis."""
        try:
            replies, answer = await self._redis.ask(self._reads.command(block_ms), ("TIME",))
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._refuse_unreadable()
            return None
        self._clock.heard(answer)
        return replies

    async def _refuse_unreadable(self) -> None:
        """Somebody wrote something other than a stream under a key of a call: one such key fails the read of all."""
        await self._lobby.look()
        self._wants_calls = True
        for call in list(self._calls.values()):
            for name in call.work.inputs:
                key = self._redis.key(stream_key(call.id, name))
                kind = await self._redis.execute_command("TYPE", key)
                if kind not in (b"stream", b"none"):
                    await self._opener.refuse(call.claim, f"the log {name} is a {kind.decode()}: expected a stream")
                    call.trust.let_go("refused")

    def _accept(self, replies: Any) -> None:
        now, redis_now = time.monotonic(), self._clock.now()
        heard, called = self._reads.accept(replies, redis_now)
        self._lobby.stir(self._reads.stirred)
        self._wants_calls = self._wants_calls or called or bool(self._reads.stirred)
        for call, logged in heard:
            call.heard_at = now
            for one in logged:
                self._metrics.odd_times.inc(one.odd_time)
                self._metrics.unknown.inc(one.unknown)
                self._metrics.queue.observe(redis_now - one.arrived_at)
            self._driver.start(call)

    def _start_due(self) -> None:
        """Commit what produced nothing and has waited long enough."""
        now = time.monotonic()
        for call in self._calls.values():
            if call.work.due(now, self._options.lazy_s):
                self._driver.start(call)
