"""Runs one stage on all shards, with one set of models: a shard each its calls, and all of them one workplace.

shard 0 ┐                ┌ places for calls, whose turn it is                                (workplace.py)
shard 1 ├──> workplace ──┼ how many calls peers have                                         (scales.py)
...     ┘                └ by how late the steps begin, whether to do less                   (shedding.py)
"""

import asyncio
import time
from collections.abc import Collection

from speakerline.shared.addresses import addresses
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.gauges import set_gauges
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.shard_worker import ShardWorker
from speakerline.shared.runtime.shedding import REPORT_S, Shedding
from speakerline.shared.runtime.stage import NotNow, Stage
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.worker_name import new_name
from speakerline.shared.runtime.workplace import Workplace

__all__ = ["NotNow", "Worker", "WorkerOptions"]

DRAIN_LOOK_S = 0.2


class Worker:
    """One worker of one stage; `run` ends after `stop`. `url`: as shared/addresses.py has it."""

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
        me, places = new_name(spec.name), addresses(url)
        self._log = log = Log(stage=spec.name, worker=me)
        self.shedding = Shedding(spec, options.shed_lag_s, metrics, log)
        self._workplace = workplace = Workplace(options.capacity, self.shedding)
        self.shards: list[ShardWorker] = []
        for number, place in enumerate(places):
            told = log.of(shard=number) if len(places) > 1 else log
            self.shards.append(ShardWorker(place, spec, stage, me, workplace, metrics, options, tracer, told))
        metrics.capacity.set(options.capacity)
        set_gauges(metrics, workplace, self.shards)

    @property
    def calls(self) -> list[OwnedCall]:
        """Those in the hands of this worker, of all shards."""
        return list(self._workplace.calls)

    async def run(self) -> None:
        """Work until stopped; then finish the steps at hand, commit, and hand the calls over. A fault on one shard ends
        all: a supervisor starts the process again."""
        running = {asyncio.create_task(shard.run()) for shard in self.shards}
        reporting = asyncio.create_task(self._report_lags())
        try:
            while running:
                ended = await _first_ended({*running, reporting} - ({reporting} if reporting.done() else set()))
                running -= ended
        finally:
            await end([*running, reporting])

    async def drain(self, limit_s: float) -> None:
        """Wait for the calls here that no other worker could go on with, `limit_s` at most: beside a newer version that
        does not read their states, until they have ended; else not at all."""
        until, told = time.monotonic() + limit_s, False
        await asyncio.gather(*(shard.ask_peers() for shard in self.shards))
        while self.calls and any(shard.drains for shard in self.shards) and time.monotonic() < until:
            if not told:
                told = True
                self._log.info("ends after its calls, whose states newer workers do not read", calls=len(self.calls))
            await asyncio.sleep(DRAIN_LOOK_S)

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler of the loop."""
        self._workplace.stopping = True
        for shard in self.shards:
            shard.wake()

    async def _report_lags(self) -> None:
        while self.options.shed_lag_s > 0:
            await asyncio.sleep(REPORT_S)
            self.shedding.report(time.monotonic())


async def _first_ended(tasks: "Collection[asyncio.Task[None]]") -> "set[asyncio.Task[None]]":
    """Raises what one of them raised."""
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()
    return ended
