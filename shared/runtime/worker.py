"""Runs one stage: takes calls, reads their logs, drives them through the stage, commits, hands over.

    loop       sweep ──> take ──> reload doubtful ──> XREAD all ──> offer ──> start drives ──> linger ──┐
                 ^                                                                                      │
                 └──────────────────────────────────────────────────────────────────────────────────────┘
    drives     next unit ──> push ──> commit ──> next unit ...     one task a call, while it has entries (driving.py)
    heartbeat  refresh leases, let go what was lost, close what fell silent                      (heartbeat.py)
    shedding   judge by how late the steps begin whether to do less                               (shedding.py)

The loop alone changes the table of calls; drives and heartbeat only report what a call is worth (trust.py). A slow call
delays only itself: its drive waits, the loop reads on for the others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

from speakerline.shared.failures import told
from speakerline.shared.keys import CALLS, stream_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, TIMELINE, StageSpec
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.committing import Committer
from speakerline.shared.runtime.connection import CONNECTION_LOST, connect, is_cancelled, is_no_group, is_outage
from speakerline.shared.runtime.dangers import dangers_of
from speakerline.shared.runtime.driving import Driver
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.heartbeat import Heartbeat
from speakerline.shared.runtime.lobby import Announced, Lobby
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.observing import EVERY_S, Observer
from speakerline.shared.runtime.opening import Opener
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.reading import ReadSet
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.retention import Retention
from speakerline.shared.runtime.shedding import REPORT_S, Shedding
from speakerline.shared.runtime.stage import NotNow, Stage
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.trust import Report

__all__ = ["NotNow", "Worker", "WorkerOptions"]

BLOCK_S = 0.25
"""The longest that a read waits: how late calls without entries are reloaded, committed and swept."""

MOST_SILENT = 256
"""Announcements taken at a time where those before were all silent."""

ANSWERS_WITHIN_S = 1.0
"""How long Redis may take to answer whoever asks whether the service is ready."""

OUTAGE_PAUSE_S = 0.1
OUTAGE_LOGGED_EVERY_S = 5.0
WAKE_EXPIRES_S = 60


class Worker:
    """One worker of one stage; `run` ends after `stop`."""

    def __init__(
        self,
        url: str,
        spec: StageSpec,
        stage: Stage,
        metrics: StageMetrics,
        options: WorkerOptions | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.spec = spec
        self.options = options or WorkerOptions()
        self.calls: dict[bytes, OwnedCall] = {}
        self.turned_at = time.monotonic()
        """When the loop last came round."""
        self._redis = connect(url)
        self._metrics = metrics
        self._ownership = Ownership(self._redis, spec.name, self.options.lease_s)
        self._log = Log(stage=spec.name, worker=self._ownership.me)
        self._my_wake = f"wake:{self._ownership.me}"
        self._reads = ReadSet([self._ownership.wake_key, self._my_wake], self.options.read_count)
        self._clock = RedisClock()
        self._committer = Committer(self._redis, self._ownership, metrics, self._clock)
        self._opener = Opener(self._redis, spec, stage, self._ownership, self.options.ttl_s, metrics, self._log)
        self.shedding = Shedding(spec, self.options.shed_lag_s, metrics, self._log)
        self._driver = Driver(
            self._redis,
            spec.name,
            self.calls,
            self._committer,
            self.options,
            metrics,
            self._clock,
            self.shedding,
            self._log,
            tracer,
            self._outage,
        )
        self._retention = Retention(self._redis, self.options.firehose_age_s, self._log)
        metrics.capacity.set(self.options.capacity)
        self._observer = Observer(self._redis, self.calls, self._clock, metrics)
        self._lobby = Lobby(self._redis, spec, self._ownership, self.options, metrics, self._log)
        self._heartbeat = Heartbeat(
            self._redis, self._ownership, self._lobby, self.calls, self.options, metrics, self._log
        )
        self._idle_since = time.monotonic()
        self._joined = False
        self._want_calls = True
        self._grab = self.options.grab
        """How many announcements are taken next: more where those before were all silent, so that a call with sound
        that waits behind them is found soon."""
        self._stopping = False
        self._ended = False
        self._outage_at = float("-inf")
        self._waking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until stopped; then finish the steps at hand, commit, and hand the calls over."""
        beat, shedding = asyncio.create_task(self._beat()), asyncio.create_task(self._report_lags())
        observing = asyncio.create_task(self._observe())
        try:
            while not self._stopping:
                await self._outlive_outages(self._turn_or_doubt)
                for task in (beat, shedding, observing):
                    if task.done():
                        task.result()
            await self._finish_steps()
            await end(task for task in (beat, self._waking) if task)
            await self._hand_over()
        finally:
            self._ended = True
            tasks = [beat, shedding, observing, *(call.driving for call in self.calls.values()), self._waking]
            await end(task for task in tasks if task)
            await self._redis.aclose()

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler of the loop."""
        self._stopping = self._driver.stopping = True
        self._waking = asyncio.get_running_loop().create_task(self._outlive_outages(self._wake))

    @property
    def pending(self) -> int:
        """Entries in memory that the stage could be given now: not those that wait for another log of their call."""
        busy = [call for call in self.calls.values() if call.driving or call.trust.to_reload]
        return sum(max(1, call.work.waiting) for call in busy)

    @property
    def silent(self) -> set[bytes]:
        """Announcements of calls that are held without a place, because nothing has come of them."""
        return self._lobby.entries

    @property
    def group_lag(self) -> int:
        """Calls that wait for any worker of the stage."""
        return self._heartbeat.waiting.count

    @property
    def progressed_at(self) -> float:
        """When a commit was last accepted, a waiting call was taken by anybody, or nothing was waiting."""
        return max(self._committer.succeeded_at, self._heartbeat.moved_at if self.group_lag else 0.0, self._idle_since)

    async def problem_of_redis(self) -> str:
        """Why Redis can't be used now; empty where it answers in time."""
        try:
            await asyncio.wait_for(self._redis.ping(), ANSWERS_WITHIN_S)
        except asyncio.TimeoutError:
            return f"Redis did not answer within {ANSWERS_WITHIN_S:g} s"
        except RedisError as error:
            return f"Redis can't be reached: {error}"
        return ""

    # One turn of the loop

    async def _turn_or_doubt(self) -> None:
        """Where the connection breaks, Redis may come back without what was read ahead: everything is reloaded."""
        try:
            await self._turn()
        except CONNECTION_LOST:
            for call in self.calls.values():
                call.trust.report(Report.OUTAGE, time.monotonic())
            raise

    async def _turn(self) -> None:
        self.turned_at = time.monotonic()
        if not self._joined:
            await self._join()
        self._sweep()
        if self._want_calls:
            await self._take()
        await self._reload()
        self._reads.refresh(self.calls.values())
        block_ms = 1 if self._grab > self.options.grab else max(1, int(min(BLOCK_S, self.options.lazy_s) * 1000))
        started = time.monotonic()
        replies = await self._read(block_ms)
        if not self.pending and not self.group_lag:
            self._idle_since = time.monotonic()
        self._accept(replies or ())
        self._start_due()
        if replies:
            await asyncio.sleep(max(0.0, self.options.linger_s - (time.monotonic() - started)))

    async def _join(self) -> None:
        for danger in await dangers_of(self._redis):
            self._log.warning("redis may lose calls", danger=danger)
        await self._ownership.join()
        for key in (CALLS, self._ownership.wake_key):
            newest = await self._redis.execute_command("XREVRANGE", key, "+", "-", "COUNT", 1)
            self._reads.skip_control_to(key, newest[0][0] if newest else b"0-0")
        self._joined = self._want_calls = True

    def _sweep(self) -> None:
        """Drop what was let go."""
        gone = [entry for entry, call in self.calls.items() if call.trust.gone]
        for entry in gone:
            call = self.calls.pop(entry)
            self._log.info("call let go", call_id=call.id, why=call.trust.gone)
        if gone:
            self._reads.changed()
            self._want_calls = True
        self._metrics.owned.set(len(self.calls))

    async def _take(self) -> None:
        """Take up calls: those in the lobby that came to life first, then what was announced."""
        self._want_calls = False
        await self._open(await self._lobby.leave(self._room, self.options.grab))
        room = min(self._grab, self._room)
        held = self.calls.keys() | self._lobby.entries
        claims = await self._ownership.take(room, held) if room > 0 else []
        heard = await self._lobby.receive(await self._opener.read(claims))
        self._reads.watch(self._lobby.watched)
        full_take = len(claims) >= room > 0
        self._want_calls = self._want_calls or full_take or self._lobby.stirred
        self._grab = min(MOST_SILENT, 2 * self._grab) if full_take and not heard else self.options.grab
        await self._open(heard)

    @property
    def _room(self) -> int:
        return self.options.capacity - len(self.calls)

    async def _reload(self) -> None:
        now = time.monotonic()
        waiting = [call for call in self.calls.values() if call.trust.to_reload and not call.driving]
        await self._open([(call.claim, call.call) for call in waiting if call.trust.retry_at <= now])

    async def _read(self, block_ms: int) -> Any:
        """What is there, or comes soon; and what time it is by the clock of Redis."""
        reading = self._redis.pipeline(transaction=False)
        reading.execute_command(*self._reads.command(block_ms))
        reading.execute_command("TIME")
        try:
            replies, answer = await reading.execute()
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
        self._want_calls = True
        for call in list(self.calls.values()):
            for name in call.work.inputs:
                key = stream_key(call.id, name)
                kind = await self._redis.execute_command("TYPE", key)
                if kind not in (b"stream", b"none"):
                    await self._opener.refuse(call.claim, f"the log {name} is a {kind.decode()}: expected a stream")
                    call.trust.let_go("refused")

    def _accept(self, replies: Any) -> None:
        now, redis_now = time.monotonic(), self._clock.now()
        heard, called = self._reads.accept(replies, redis_now)
        self._lobby.stir(self._reads.stirred)
        self._want_calls = self._want_calls or called or bool(self._reads.stirred)
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
        for call in self.calls.values():
            if call.work.due(now, self.options.lazy_s):
                self._driver.start(call)

    async def _open(self, announced: Sequence[Announced]) -> None:
        """Take up what was claimed, or reload what is in doubt."""
        for call in await self._opener.open(announced, self.calls):
            self.calls[call.claim.entry] = call
            self._reads.changed()
            self._driver.start(call)

    # Outages, heartbeat, the end

    async def _outlive_outages(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do it; after an outage pause, so that the caller may try again."""
        try:
            await action()
        except Exception as error:
            if is_no_group(error):
                self._joined = False
            elif not is_outage(error) or is_cancelled():
                raise
            self._outage(error)
            await asyncio.sleep(OUTAGE_PAUSE_S)

    def _outage(self, error: BaseException) -> None:
        now = time.monotonic()
        self._metrics.outages.inc()
        if now - self._outage_at > OUTAGE_LOGGED_EVERY_S:
            self._log.warning("redis outage", error=told(error))
            self._outage_at = now
        self._ownership.outage()
        self._reads.changed()
        self._want_calls = True
        self._lobby.restart()
        for call in self.calls.values():
            call.heard_at = now
            call.pace.restart()

    async def _beat(self) -> None:
        while not self._ended:
            await self._outlive_outages(self._beat_once)
            await asyncio.sleep(self.options.lease_s / 3)

    async def _beat_once(self) -> None:
        if not self._joined:
            return
        calls_to_take = await self._heartbeat.beat()
        self._want_calls = True
        if calls_to_take:
            await self._wake()
        if self.spec.inputs[0].stream == AUDIO:
            await self._heartbeat.close_idle()
        if TIMELINE in self.spec.outputs:
            await self._retention.keep()

    async def _report_lags(self) -> None:
        while self.options.shed_lag_s > 0:
            await asyncio.sleep(REPORT_S)
            self.shedding.report(time.monotonic())

    async def _observe(self) -> None:
        while True:
            await self._outlive_outages(self._observer.look)
            await asyncio.sleep(EVERY_S)

    async def _wake(self) -> None:
        await scripts.run(self._redis, "wake", [self._my_wake], WAKE_EXPIRES_S)

    async def _finish_steps(self) -> None:
        for call in self.calls.values():
            self._driver.start(call)
        await asyncio.gather(*(call.driving for call in self.calls.values() if call.driving))

    async def _hand_over(self) -> None:
        try:
            released = await self._ownership.release()
            await self._redis.delete(self._my_wake)
            self._log.info("released", calls=released)
        except Exception as error:
            if not is_outage(error) and not is_no_group(error):
                raise
            self._log.warning("not released, peers take over after the lease", error=told(error))
