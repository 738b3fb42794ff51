"""Runs one stage: takes calls, reads their logs, drives them through the stage, commits, hands over.

    loop       sweep ──> take ──> reload ──> read ──> start drives ──> sweep ...                 (loop.py)
    drives     next unit ──> push ──> commit ──> next unit ...     one task a call               (driving.py)
    heartbeat  refresh leases, let go what was lost, close what fell silent                      (heartbeat.py)
    balancing  tell peers how much there is to do, hand calls over to those with less            (balancing.py)
    shedding   judge by how late the steps begin whether to do less                              (shedding.py)
    outages    count it, trust nothing that was known before, pause, go on                       (outages.py)

The worker makes these parts, runs them side by side, and ends them in order.
"""

import asyncio
import time

from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AUDIO, TIMELINE, StageSpec
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.balancing import Balancer
from speakerline.shared.runtime.committing import Committer
from speakerline.shared.runtime.connection import connect, is_no_group, is_outage
from speakerline.shared.runtime.driving import Driver
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.heartbeat import Heartbeat
from speakerline.shared.runtime.lobby import Lobby
from speakerline.shared.runtime.loop import Loop
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.observing import EVERY_S, Observer
from speakerline.shared.runtime.opening import Opener
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.orphans import Orphans
from speakerline.shared.runtime.outages import Outages
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.progress import Progress
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.retention import Retention
from speakerline.shared.runtime.shedding import REPORT_S, Shedding
from speakerline.shared.runtime.stage import NotNow, Stage
from speakerline.shared.runtime.tracing import Tracer

__all__ = ["NotNow", "Worker", "WorkerOptions"]

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
        self.options = options = options or WorkerOptions()
        self.calls: dict[bytes, OwnedCall] = {}
        self._redis = redis = connect(url)
        self._ownership = ownership = Ownership(redis, spec.name, options.lease_s)
        self._log = log = Log(stage=spec.name, worker=ownership.me)
        clock = RedisClock()
        committer = Committer(redis, ownership, metrics, clock, traced=tracer is not None)
        opener = Opener(redis, spec, stage, ownership, options.ttl_s, metrics, log)
        self.shedding = Shedding(spec, options.shed_lag_s, metrics, log)
        self._outages = Outages(metrics, log, self._after_outage)
        self._driver = Driver(
            redis,
            spec.name,
            self.calls,
            committer,
            options,
            metrics,
            clock,
            self.shedding,
            log,
            tracer,
            self._outages.note,
        )
        self._retention = Retention(redis, options.firehose_age_s, log)
        self._orphans = Orphans(redis, options.ttl_s, log)
        self._observer = Observer(redis, self.calls, clock, metrics)
        self.lobby = Lobby(redis, spec, ownership, options, metrics, log)
        self._heartbeat = Heartbeat(redis, ownership, self.lobby, self.calls, options, metrics, log)
        self.progress = Progress(redis, self.calls, committer, self._heartbeat)
        self._balancer = Balancer(
            redis, spec, ownership, self.calls, self.lobby, self._driver, self.shedding, options, metrics, log
        )
        self._loop = Loop(
            redis,
            self.calls,
            ownership,
            opener,
            self.lobby,
            self._driver,
            self._balancer,
            self.progress,
            clock,
            options,
            metrics,
            log,
        )
        metrics.capacity.set(options.capacity)
        self._stopping = False
        self._ended = False
        self._waking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until stopped; then finish the steps at hand, commit, and hand the calls over."""
        beat, shedding = asyncio.create_task(self._beat()), asyncio.create_task(self._report_lags())
        observing = asyncio.create_task(self._observe())
        try:
            while not self._stopping:
                await self._outages.outlive(self._loop.turn)
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
        self._waking = asyncio.get_running_loop().create_task(self._outages.outlive(self._wake))

    def _after_outage(self, error: BaseException) -> None:
        if is_no_group(error):
            self._loop.joined = False
        self._ownership.outage()
        self._loop.restart()
        self.lobby.restart()
        now = time.monotonic()
        for call in self.calls.values():
            call.heard_at = now
            call.pace.restart()

    async def _beat(self) -> None:
        while not self._ended:
            await self._outages.outlive(self._beat_once)
            await asyncio.sleep(self.options.lease_s / 3)

    async def _beat_once(self) -> None:
        if not self._loop.joined:
            return
        calls_to_take = await self._heartbeat.beat()
        await self._balancer.weigh()
        self._loop.want_calls()
        if calls_to_take:
            await self._wake()
        if self.spec.inputs[0].stream == AUDIO:
            await self._heartbeat.mark_idle()
            await self._heartbeat.close_idle()
            await self._orphans.look()
        if TIMELINE in self.spec.outputs:
            await self._retention.keep()

    async def _report_lags(self) -> None:
        while self.options.shed_lag_s > 0:
            await asyncio.sleep(REPORT_S)
            self.shedding.report(time.monotonic())

    async def _observe(self) -> None:
        while True:
            await self._outages.outlive(self._observer.look)
            await asyncio.sleep(EVERY_S)

    async def _wake(self) -> None:
        """End the read that the loop waits in."""
        await scripts.run(self._redis, "wake", [self._ownership.my_wake_key], WAKE_EXPIRES_S)

    async def _finish_steps(self) -> None:
        for call in self.calls.values():
            self._driver.start(call)
        await asyncio.gather(*(call.driving for call in self.calls.values() if call.driving))

    async def _hand_over(self) -> None:
        try:
            await self._balancer.leave()
            released = await self._ownership.release()
            await self._redis.delete(self._ownership.my_wake_key)
            self._log.info("released", calls=released)
        except Exception as error:
            if not is_outage(error) and not is_no_group(error):
                raise
            self._log.warning("not released, peers take over after the lease", error=told(error))
