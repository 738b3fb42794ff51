"""Drives calls through their stage: unit by unit, each followed by a commit where there is something to write.

next unit ──> push ──> uncommitted ──due──> commit ──> next unit ...
    │           │ raises                      │ refused, or unknown
    │           └───────> doubtful <──────────┘          the loop reloads the call and drives it again
    └─ careful: count the try ──> push, or after too many tries skip ──> commit, entry by entry; the last try alone
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext

from speakerline.shared.codec import InvalidEvent
from speakerline.shared.failures import told
from speakerline.shared.keys import stage_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.call import ALONE_MS, SLICE_MS, Unit
from speakerline.shared.runtime.committing import Committer
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.pace import Begun
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.stage import NotNow
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.trust import Report
from speakerline.shared.runtime.workplace import Workplace

OWNERS_FORGIVEN = 20
"""So many owners without a commit: attempts of those that lost the call don't speak against the entry. On a machine
with far too much to do, leases run out one after the other."""


class Driver:
    """One for all calls of a shard. `on_outage` is called for errors of Redis, not of the call."""

    def __init__(
        self,
        redis: Shard,
        stage: str,
        workplace: Workplace,
        committer: Committer,
        options: WorkerOptions,
        metrics: StageMetrics,
        clock: RedisClock,
        log: Log,
        tracer: Tracer | None,
        on_outage: Callable[[BaseException], None],
    ) -> None:
        self._redis = redis
        self._stage = stage
        self._workplace = workplace
        self._committer = committer
        self._options = options
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._tracer = tracer
        self._on_outage = on_outage

    def start(self, call: OwnedCall) -> None:
        """Drive the call in a task of its own, unless that is under way."""
        if call.driving is None and call.trust.usable:
            call.driving = asyncio.create_task(self._drive(call))

    async def _drive(self, call: OwnedCall) -> None:
        """Until nothing is left to do, with no wait between finding that and the end. Never raises."""
        try:
            while call.trust.usable:
                if call.work.overtaken:
                    call.trust.report(Report.STALE, time.monotonic())
                    break
                unit = None if self._ends(call) else self._next_unit(call)
                if unit is not None and call.work.tells_nothing(unit, call.stage.tick_ms):
                    call.work.let_pass(unit, time.monotonic())
                elif unit is not None:
                    await self._step(call, unit)
                if call.trust.usable and self._commit_is_due(call):
                    await self._committer.commit(call)
                elif unit is None:
                    break
        except Exception as error:
            self._failed(call, error)
        finally:
            call.driving = None

    def _next_unit(self, call: OwnedCall) -> Unit | None:
        return call.work.next_unit(call.trust.careful, ALONE_MS if self._workplace.held == 1 else SLICE_MS)

    def _ends(self, call: OwnedCall) -> bool:
        """Whether no other step is begun here."""
        return self._workplace.stopping or call.leaving

    def _commit_is_due(self, call: OwnedCall) -> bool:
        work = call.work
        return work.due(time.monotonic(), self._options.lazy_s) or (self._ends(call) and work.uncommitted.since > 0)

    async def _step(self, call: OwnedCall, unit: Unit) -> None:
        if call.trust.careful:
            await self._step_carefully(call, unit)
        elif unit.problem:
            raise InvalidEvent(unit.problem)
        else:
            await self._push(call, unit)

    async def _push(self, call: OwnedCall, unit: Unit, alone: bool = False) -> None:
        """A step of the stage, when it is the call's turn. How late it begins tells whether there is too much to do.

        alone: whether no other step is under way already."""
        turns, shedding = self._workplace.turns, self._workplace.shedding
        can_wait = call.bulk or bool(unit.arrivals and call.pace.ahead(unit.arrivals[0], self._clock.now()))
        somebody_waits = can_wait and not alone and any(not other.bulk for other in self._workplace.calls)
        async with nullcontext() if alone else turns.later() if somebody_waits else turns.live():
            if somebody_waits and self._workplace.stopping:
                return  # whoever takes the call over reads it again
            begun = self._begin(call, unit)
            call.stage.shed(0 if call.bulk else shedding.level, begun.lag_s or 0.0)
            with shedding.lags.step(begun):
                await self._pushed(call, unit)

    def _begin(self, call: OwnedCall, unit: Unit) -> Begun:
        if call.bulk or not unit.arrivals:
            return Begun()
        caught_up_s = self._workplace.shedding.lags.catching_up.seconds
        return call.pace.begin(*unit.arrivals, self._clock.now(), caught_up_s)

    async def _pushed(self, call: OwnedCall, unit: Unit) -> None:
        started, started_at = time.monotonic(), time.time()
        step = await call.stage.push(unit.entries, unit.through_ms, unit.quiet_ms)
        ended = time.monotonic()
        call.work.stepped(unit, step, ended)
        self._metrics.step.observe(len(unit.taken))
        self._metrics.work.observe(ended - started)
        if self._tracer:
            took = (started_at, started_at + ended - started)
            self._tracer.step(call.call, self._stage, *took, len(unit.taken), len(step.events))

    async def _step_carefully(self, call: OwnedCall, unit: Unit) -> None:
        """One suspect at a time in the whole process: if we die now, it is the culprit, and its tries are counted.

        Unless a call that nobody suspects yet kills us beside it. So the last try goes alone."""
        async with self._workplace.one_suspect:
            counted = 1 - call.trust.take_forgiven()
            alone = call.tries + counted >= self._options.max_tries
            async with self._workplace.turns.alone() if alone else nullcontext():
                await self._try(call, unit, counted, alone)

    async def _try(self, call: OwnedCall, unit: Unit, counted: int, alone: bool) -> None:
        key, most = stage_key(call.id, self._stage), self._options.max_tries
        call.tries = await scripts.run(self._redis, "try", [key], call.claim.fence, counted)
        if call.tries < 0:
            call.trust.let_go("fenced")
            return
        if unit.problem or call.tries > most:  # more where a worker died giving it up
            await self._give_up(call, unit, unit.problem or f"{self._stage} failed on it {most} times")
        else:
            await self._push(call, unit, alone)
        await self._committer.commit(call)
        if call.trust.gone:
            await scripts.run(self._redis, "forgive", [key], OWNERS_FORGIVEN)

    async def _give_up(self, call: OwnedCall, unit: Unit, detail: str) -> None:
        entries = unit.entries
        step = await call.stage.skip(entries[0] if entries else None, unit.through_ms, detail, unit.quiet_ms)
        call.work.stepped(unit, step, time.monotonic())
        call.work.bury(unit, detail)
        self._metrics.dead.inc()
        ids = [logged.id for _, logged in unit.taken]
        self._log.error("given up", call_id=call.id, entries=ids, through_ms=unit.through_ms, reason=detail)

    def _failed(self, call: OwnedCall, error: Exception) -> None:
        now = time.monotonic()
        if isinstance(error, NotNow):
            call.trust.report(Report.NOT_NOW, now)
            self._log.warning("not now", call_id=call.id, reason=str(error))
        elif is_outage(error):
            call.trust.report(Report.OUTAGE, now)
            self._on_outage(error)
        else:
            self._metrics.failures.inc()
            self._log.error("step failed", call_id=call.id, error=told(error))
            call.trust.report(Report.STEP_FAILED, now)
