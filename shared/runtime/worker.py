"""Runs one stage: takes calls, reads their logs, drives them through the stage, commits, hands over.

    loop      take ──> reload doubtful ──> XREAD all ──> offer ──> start drives ──> linger
    drive     next unit ──> stage.push ──> commit ──> next unit ...        one task a call, while it has entries
    beat      refresh leases, drop what was lost, close what fell silent

A slow call delays only itself: its drive waits, the loop reads on for the others.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError

from shared.codec import InvalidEvent, read_call
from shared.contract.v1 import CallStarted
from shared.keys import CALLS, audio_key, meta_key, stage_key
from shared.logs import Log
from shared.pipeline import AUDIO, PIPELINE, StageSpec
from shared.runtime import commit, scripts
from shared.runtime.audio_reader import RedisAudio
from shared.runtime.batcher import Gatherer
from shared.runtime.call import CallWork, Uncommitted, Unit
from shared.runtime.connection import connect, is_outage, pairs
from shared.runtime.metrics import StageMetrics
from shared.runtime.owned import OwnedCall
from shared.runtime.ownership import Claim, Ownership
from shared.runtime.reading import INBOX, ReadSet
from shared.runtime.stage import Stage, Step
from shared.runtime.tracing import Tracer


class NotNow(Exception):
    """Raised by a stage when something it depends on is down: wait and try again, never a dead letter."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker behaves; the defaults suit live telephone calls."""

    capacity: int = 1000
    """The most calls held at once."""
    lease_s: float = 5.0
    """How long a worker may be silent before others take over its calls."""
    linger_s: float = 0.02
    """Pause after a read, so that batches form; costs up to this much latency, saves most of the wake-ups."""
    lazy_s: float = 0.5
    """Input that produced nothing is committed at most this often."""
    read_count: int = 128
    """The most entries read from one log at once."""
    max_tries: int = 3
    """Attempts at one entry before it is given up."""
    grab: int = 16
    """Calls taken at a time, so that peers get their share."""
    idle_close_s: float = 60.0
    """vad closes the audio of a call on which nothing came for this long."""
    ttl_s: int = 3600
    """How long a call stays in Redis after its last stage is done with it."""


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
        """When the loop last came round, and when a commit was last accepted: /readyz looks at both."""
        self.progressed_at = time.monotonic()
        self._redis = connect(url)
        self._stage = stage
        self._metrics = metrics
        self._tracer = tracer
        self._ownership = Ownership(self._redis, spec.name, self.options.lease_s)
        self._log = Log(stage=spec.name, worker=self._ownership.me)
        self._my_wake = f"wake:{self._ownership.me}"
        self._reads = ReadSet([self._ownership.wake_key, self._my_wake])
        self._commits: Gatherer[commit.Commit, bytes] = Gatherer(self._run_commits, 64)
        self._one_suspect = asyncio.Lock()
        self._want_calls = True
        self._stopping = False

    async def run(self) -> None:
        """Work until stopped; then finish the steps at hand, commit, and hand the calls over."""
        await self._persist(self._join)
        beat = asyncio.create_task(self._beat())
        while not self._stopping:
            await self._persist(self._turn)
            if beat.done():
                beat.result()
        beat.cancel()
        await asyncio.gather(*(call.driving for call in self.calls.values() if call.driving))
        try:
            released = await self._ownership.release()
            await self._redis.delete(self._my_wake)
            self._log.info("released", calls=released)
        except Exception as error:
            if not is_outage(error):
                raise
            self._log.warning("not released, peers take over after the lease", error=repr(error))
        await self._redis.aclose()

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler of the loop."""
        self._stopping = True
        self._wake_task = asyncio.get_running_loop().create_task(self._wake())

    @property
    def pending(self) -> int:
        """Entries that wait in memory, of all calls."""
        return sum(call.work.waiting for call in self.calls.values())

    async def _join(self) -> None:
        await self._ownership.join()
        for key in (CALLS, self._ownership.wake_key):
            newest = await self._redis.execute_command("XREVRANGE", key, "+", "-", "COUNT", 1)
            if newest:
                self._reads.skip_control_to(key, newest[0][0])

    async def _persist(self, action: Callable[[], Any]) -> None:
        """Do it, and outlive whatever Redis does: pause after an outage, and read again from what is committed."""
        try:
            await action()
        except NoScriptError:
            await self._persist(lambda: scripts.load(self._redis))
        except Exception as error:
            if not is_outage(error):
                raise
            if _cancelled():
                raise asyncio.CancelledError from error
            self._outage(error)
            await asyncio.sleep(0.05)
            if action == self._join:
                await self._persist(action)

    def _outage(self, error: BaseException) -> None:
        self._metrics.outages.inc()
        self._log.warning("redis outage", error=repr(error))
        self._ownership.outage()
        self._reads.stale = self._want_calls = True
        now = time.monotonic()
        for call in self.calls.values():
            call.heard_at = now

    # One turn of the loop

    async def _turn(self) -> None:
        self.turned_at = time.monotonic()
        if self._want_calls:
            await self._take()
        await self._reload([call for call in self.calls.values() if call.doubtful and not call.driving])
        if self._reads.stale:
            self._reads.rebuild(self.calls.values())
        started = time.monotonic()
        replies = await self._redis.execute_command(*self._reads.command(self.options.read_count, self._block_ms()))
        heard, called = self._reads.accept(replies or ())
        self._want_calls = self._want_calls or called
        now, wall = time.monotonic(), time.time()
        for call, logged in heard:
            call.heard_at = now
            for one in logged:
                if one.sent_at:
                    self._metrics.queue.observe(max(0.0, wall - one.sent_at))
            self._start(call)
        for call in list(self.calls.values()):
            if call.work.uncommitted.since and call.work.due(now, self.options.lazy_s):
                self._start(call)
        if replies:
            await asyncio.sleep(max(0.0, self.options.linger_s - (time.monotonic() - started)))

    def _block_ms(self) -> int:
        restless = any(call.doubtful or call.work.uncommitted.since for call in self.calls.values())
        return max(1, int(min(self.options.lazy_s, 0.25) * 1000)) if restless else 1000

    async def _take(self) -> None:
        room = min(self.options.grab, self.options.capacity - len(self.calls))
        self._want_calls = False
        claims = await self._ownership.take(room, set(self.calls)) if room > 0 else []
        self._want_calls = len(claims) >= room > 0
        await self._adopt(claims)
        self._metrics.owned.set(len(self.calls))

    async def _reload(self, doubtful: list[OwnedCall]) -> None:
        now = time.monotonic()
        due = [call for call in doubtful if call.retry_at <= now]
        if due:
            await self._adopt([call.claim for call in due], {call.claim.entry: call for call in due})

    async def _adopt(self, claims: list[Claim], known: dict[bytes, OwnedCall] | None = None) -> None:
        """Open what was claimed, or reload what is doubtful, from what is committed."""
        announced = []
        for claim in claims:
            try:
                announced.append((claim, read_call(claim.announcement)))
            except InvalidEvent as error:
                self._log.warning("call refused", reason=str(error))
                await self._ownership.refuse(claim, str(error))
        if not announced:
            return
        pipeline = self._redis.pipeline(transaction=False)
        stages = ",".join(stage.name for stage in PIPELINE)
        for claim, call in announced:
            keys = [stage_key(call.call_id, self.spec.name), meta_key(call.call_id)]
            arguments = (claim.entry, claim.token, claim.announcement, stages, self.options.ttl_s)
            scripts.queue(pipeline, "take", keys, *arguments)
        replies = await pipeline.execute(raise_on_error=False)
        for (claim, call), reply in zip(announced, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            await self._open(claim, call, reply, (known or {}).get(claim.entry))

    async def _open(self, claim: Claim, call: CallStarted, reply: Any, before: OwnedCall | None) -> None:
        if before and before.lost:
            return
        if reply in (b"FENCED", b"DUPLICATE"):
            self._drop(before, "fenced")
            if reply == b"DUPLICATE":
                await self._ownership.acknowledge(claim.entry, delete=True)
            return
        fields = {name.decode(): value for name, value in pairs(reply[0]).items()}
        if fields.get("finished"):
            self._drop(before, "finished")
            finished = int(reply[2]) > reply[1].count(b",")
            await self._ownership.acknowledge(claim.entry, delete=finished)
            return
        audio = RedisAudio(self._redis, call)
        work = CallWork(self.spec, call, fields)
        owned = OwnedCall(claim, call, work, self._stage.open(call, work.parts, audio), audio)
        if before:
            owned.fails, owned.careful = before.fails, before.careful
            before.lost = True
        else:
            self._metrics.take("takeover" if claim.token > 1 else "new")
            self._log.info("call taken", call_id=call.call_id, token=claim.token)
        if int(fields.get("tries", 0)) or int(fields.get("owners", 0)) > 2:
            owned.suspect(0.0)
            owned.doubtful = False
        self.calls[claim.entry] = owned
        self._reads.stale = True

    def _drop(self, call: OwnedCall | None, why: str) -> None:
        if call is None or call.lost:
            return
        call.lost = True
        if self.calls.get(call.claim.entry) is call:
            del self.calls[call.claim.entry]
        self._reads.stale = True
        self._metrics.owned.set(len(self.calls))
        self._log.info("call let go", call_id=call.id, why=why)

    # Driving one call

    def _start(self, call: OwnedCall) -> None:
        if call.driving is None and not call.doubtful and not call.lost:
            call.driving = asyncio.create_task(self._drive(call))

    async def _drive(self, call: OwnedCall) -> None:
        """Feed the call what is waiting, unit by unit. Never raises: a failure makes the call doubtful."""
        full = call.work.waiting >= INBOX
        try:
            while not call.doubtful and not call.lost:
                careful = call.careful > 0
                unit = call.work.next_unit(careful)
                if unit is None:
                    break
                if careful or unit.problem:
                    await self._step_carefully(call, unit)
                else:
                    self._apply(call, unit, await self._push(call, unit))
                    if call.work.due(time.monotonic(), self.options.lazy_s):
                        await self._commit(call)
                if self._stopping:
                    break
            if call.work.uncommitted.since and (self._stopping or call.work.due(time.monotonic(), self.options.lazy_s)):
                await self._commit(call)
        except Exception as error:
            self._failed(call, error)
        finally:
            call.driving = None
            if full:
                self._reads.stale = True

    async def _push(self, call: OwnedCall, unit: Unit) -> Step:
        started = time.time()
        step = await call.stage.push(unit.entries, unit.through_ms)
        self._metrics.step.observe(len(unit.taken))
        self._metrics.work.observe(time.time() - started)
        if self._tracer:
            self._tracer.step(call.call, self.spec.name, started, time.time(), len(unit.taken), len(step.events))
        return step

    def _apply(self, call: OwnedCall, unit: Unit, step: Step) -> None:
        call.work.stepped(unit, step, time.monotonic())

    async def _step_carefully(self, call: OwnedCall, unit: Unit) -> None:
        """One suspect at a time in the whole process: if we die now, it is the culprit, and its tries are counted."""
        async with self._one_suspect:
            if not call.careful:
                raise ValueError(unit.problem)
            tries = await scripts.run(self._redis, "try", [stage_key(call.id, self.spec.name)], call.claim.token)
            if tries < 0:
                self._drop(call, "fenced")
                return
            if unit.problem or tries > self.options.max_tries:
                detail = unit.problem or f"{self.spec.name} failed on it {tries - 1} times"
                self._apply(call, unit, self._give_up(call, unit, detail))
            else:
                self._apply(call, unit, await self._push(call, unit))
            await self._commit(call)

    def _give_up(self, call: OwnedCall, unit: Unit, detail: str) -> Step:
        entries = unit.entries
        step = call.stage.skip(entries[0] if entries else None, unit.through_ms, detail)
        call.work.bury(unit, detail)
        self._metrics.dead.inc()
        ids = [logged.id for _, logged in unit.taken]
        self._log.error("given up", call_id=call.id, entries=ids, through_ms=unit.through_ms, reason=detail)
        return step

    def _failed(self, call: OwnedCall, error: Exception) -> None:
        now = time.monotonic()
        if is_outage(error) or isinstance(error, NoScriptError):
            self._outage(error)
            call.doubt(now)
        elif isinstance(error, NotNow):
            self._log.warning("not now", call_id=call.id, reason=str(error))
            call.fails += 1
            call.doubt(now)
        else:
            self._metrics.failures.inc()
            self._log.error("step failed", call_id=call.id, error=repr(error))
            call.suspect(now)
        self._reads.stale = True

    # Committing

    async def _commit(self, call: OwnedCall) -> None:
        work = call.work
        request = commit.build(work, call.claim.token, call.stage.snapshot(), call.trimmed, time.time())
        outcome = (await self._commits(request)).decode()
        self._metrics.commit(outcome.lower())
        if outcome == "FENCED":
            self._drop(call, "fenced")
            return
        if outcome == "STALE":
            call.doubt(time.monotonic())
            return
        self._published(work)
        work.version += 1
        work.parts = request.parts
        work.uncommitted = Uncommitted()
        call.trimmed = request.trimmed
        call.trust()
        self.progressed_at = time.monotonic()
        if work.finished:
            self._drop(call, "finished")
            self._want_calls = True
            await self._ownership.acknowledge(call.claim.entry, delete=outcome == "ALL_DONE")

    def _published(self, work: CallWork) -> None:
        now = time.time()
        events = [output for output in work.uncommitted.outputs if output.event is not None]
        self._metrics.events.inc(len(events))
        for output in events:
            if output.audio_at:
                self._metrics.lag.observe(max(0.0, now - output.audio_at))

    async def _run_commits(self, requests: list[commit.Commit]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for request in requests:
            scripts.queue(pipeline, "commit", request.keys, *request.arguments)
        replies = await pipeline.execute(raise_on_error=False)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await scripts.load(self._redis)
        return list(replies)

    # Heartbeat

    async def _beat(self) -> None:
        while not self._stopping:
            await self._persist(self._beat_once)
            await asyncio.sleep(self.options.lease_s / 3)

    async def _beat_once(self) -> None:
        before = dict(self.calls)
        mine = await self._ownership.beat()
        for entry, call in before.items():
            if self.calls.get(entry) is call and mine.get(entry) != call.claim.token:
                self._drop(call, "lost")
        self._want_calls = True
        if self._ownership.missing(mine, set(self.calls)) or len(self.calls) < self.options.capacity:
            await self._wake()
        if self.spec.inputs[0].stream == AUDIO:
            await self._close_idle()
        groups = await self._redis.xinfo_groups(CALLS)
        lag = next((group["lag"] for group in groups if group["name"] == self.spec.name.encode()), None)
        self._metrics.group_lag.set(lag or 0)

    async def _close_idle(self) -> None:
        now = time.monotonic()
        for call in list(self.calls.values()):
            if call.doubtful or now - call.heard_at < self.options.idle_close_s:
                continue
            for channel, position in enumerate(call.work.read):
                key = audio_key(call.id, channel)
                if await scripts.run(self._redis, "close_idle", [key], "%d-%d" % position):
                    self._log.warning(
                        "closed, no frame for too long", call_id=call.id, idle_s=self.options.idle_close_s
                    )

    async def _wake(self) -> None:
        """Make a blocked read return: race-free, because it is a stream too."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xadd(self._my_wake, {"wake": "1"}, maxlen=1)
        pipeline.expire(self._my_wake, 60)
        await pipeline.execute()


def _cancelled() -> bool:
    """Whether this task was asked to end; redis-py can turn the cancellation of a read into a ConnectionError."""
    task = asyncio.current_task()
    return bool(task and getattr(task, "cancelling", lambda: 0)())
