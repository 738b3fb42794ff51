"""One shard of a worker: takes its calls, reads their logs, drives them through the stage, commits, hands over.

    loop       sweep ──> take ──> reload ──> read ──> start drives ──> sweep ...                 (loop.py)
    drives     next unit ──> push ──> commit ──> next unit ...     one task a call               (driving.py)
    patience   read the logs of calls that have been silent for a while                          (patience.py)
    heartbeat  refresh leases, let go what was lost, close what fell silent                      (heartbeat.py)
    balancing  tell peers how much there is to do, hand calls over to those with less            (balancing.py)
    outages    count it, trust nothing that was known before, pause, go on                       (outages.py)

It makes these parts, runs them side by side, and ends them in order. Where its Redis is away, other shards go on.
"""

import asyncio
import time
from contextlib import suppress

from speakerline.shared.addresses import Address
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
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.patience import READERS, TIMEOUT_S, Patience
from speakerline.shared.runtime.progress import Progress
from speakerline.shared.runtime.redis_clock import RedisClock
from speakerline.shared.runtime.retention import Retention
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.workplace import Workplace

WAKE_EXPIRES_S = 60
ASK_LIMIT_S = 1.0
BEATS = 3
"""So often a lease is refreshed while it lasts."""


class ShardWorker:
    """`me`: the name of the worker, the same on all shards. `run` ends after `stop`."""

    def __init__(
        self,
        address: Address,
        spec: StageSpec,
        stage: Stage,
        me: str,
        workplace: Workplace,
        metrics: StageMetrics,
        options: WorkerOptions,
        tracer: Tracer | None,
        log: Log,
    ) -> None:
        self.calls = calls = workplace.new_table()
        self._spec, self._options, self._workplace, self._log = spec, options, workplace, log
        self._redis = redis = connect(address)
        self._ownership = ownership = Ownership(redis, spec.name, options.lease_s, me)
        clock = RedisClock()
        committer = Committer(redis, ownership, metrics, clock, traced=tracer is not None)
        opener = Opener(redis, spec, stage, ownership, options.ttl_s, metrics, log)
        self._outages = outages = Outages(metrics, log, self._after_outage)
        self._driver = driver = Driver(
            redis, spec.name, workplace, committer, options, metrics, clock, log, tracer, outages.note
        )
        self._retention = Retention(redis, options.firehose_age_s, log)
        self.lobby = Lobby(redis, spec, ownership, options, metrics, log)
        self._orphans = Orphans(redis, options.ttl_s, log, self._ids)
        self._patient = patient = connect(address, timeout_s=TIMEOUT_S)
        self._patience = [Patience(patient, self.lobby, reader, self._open_stirred) for reader in READERS]
        self.heartbeat = Heartbeat(redis, ownership, self.lobby, calls, workplace, options, metrics, log)
        self.progress = Progress(redis, calls, committer, self.heartbeat)
        self.observer = Observer(redis, calls, clock, log)
        balancing = (ownership, calls, self.lobby, driver, workplace)
        self._balancer = Balancer(redis, spec, *balancing, options, metrics, log)
        turning = (calls, ownership, opener, self.lobby, driver, self._balancer, self.progress, clock, workplace)
        self._loop = Loop(redis, *turning, options, metrics, log)
        self._ended = False
        self._waking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work until stopped; then finish the steps at hand, commit, and hand the calls over."""
        forever = self._beat(), self._observe(), *(reader.read_forever() for reader in self._patience)
        beside = [asyncio.create_task(doing) for doing in forever]
        try:
            while not self._workplace.stopping:
                await self._outages.outlive(self._loop.turn)
                for task in beside:
                    if task.done():
                        task.result()
            await self._finish_steps()
            await end(task for task in (*beside, self._waking) if task)
            await self._hand_over()
        finally:
            self._ended = True
            tasks = [*beside, *(call.driving for call in self.calls.values()), self._waking]
            await end(task for task in tasks if task)
            await self._patient.aclose()
            await self._redis.aclose()

    @property
    def drains(self) -> bool:
        """Whether new calls are left to workers of a newer version, which can't read the states of those here."""
        return self._balancer.drains

    async def ask_peers(self) -> None:
        """Learn of them now, where Redis answers soon."""
        if self._loop.joined:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._outages.outlive(self._balancer.weigh), ASK_LIMIT_S)

    def wake(self) -> None:
        """End the read that the loop waits in: a stop has begun."""
        self._waking = asyncio.get_running_loop().create_task(self._outages.outlive(self._wake))

    def _after_outage(self, error: BaseException) -> None:
        if is_no_group(error):
            self._loop.joined = False
        self._ownership.outage()
        self._retention.restart()
        self._loop.restart()
        self.lobby.restart()
        for reader in self._patience:
            reader.restart()
        now = time.monotonic()
        for call in self.calls.values():
            call.heard_at = now
            call.pace.restart()

    async def _beat(self) -> None:
        while not self._ended:
            await self._outages.outlive(self._beat_once)
            await asyncio.sleep(self._options.lease_s / BEATS)

    async def _beat_once(self) -> None:
        if not self._loop.joined:
            return
        calls_to_take = await self.heartbeat.beat()
        await self._balancer.weigh()
        self._loop.want_calls()
        if calls_to_take:
            await self._wake()
        if self._spec.inputs[0].stream == AUDIO:
            await self.heartbeat.mark_idle()
            await self.heartbeat.close_idle()
            await self._orphans.look()
        if TIMELINE in self._spec.outputs:
            await self._retention.keep()

    def _ids(self) -> set[str]:
        return self.lobby.ids | {call.id for call in self.calls.values()}

    async def _open_stirred(self) -> None:
        self._loop.want_calls()
        await self._wake()

    async def _observe(self) -> None:
        while True:
            await self._outages.outlive(self.observer.look)
            await asyncio.sleep(EVERY_S)

    async def _wake(self) -> None:
        await scripts.run(self._redis, "wake", [self._ownership.my_wake_key], WAKE_EXPIRES_S)

    async def _finish_steps(self) -> None:
        for call in self.calls.values():
            self._driver.start(call)
        await asyncio.gather(*(call.driving for call in self.calls.values() if call.driving))

    async def _hand_over(self) -> None:
        try:
            await self._balancer.leave()
            released = await self._ownership.release_all()
            await self._redis.delete(self._redis.key(self._ownership.my_wake_key))
            self._log.info("released", calls=released)
        except Exception as error:
            if not is_outage(error) and not is_no_group(error):
                raise
            self._log.warning("not released, peers take over after the lease", error=told(error))
