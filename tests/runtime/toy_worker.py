"""One process with a worker of each named stage, toys inside: `python -m tests.runtime.toy_worker URL STAGES OPTIONS`.

STAGES are names with commas, OPTIONS are WorkerOptions as JSON. With `newer` among them it is of a version whose states
older workers can't read. Ends on SIGTERM; logs to standard error."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from prometheus_client import CollectorRegistry

from speakerline.shared import logs
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.worker import Worker
from tests.runtime.toy_stages import STAGES

DRAIN_S = 3600.0


async def run_workers(
    url: str, stages: Mapping[str, Stage], metrics: Metrics, options: WorkerOptions, newer: bool = False
) -> None:
    """One worker of each given stage, until SIGTERM."""
    specs = [spec for spec in PIPELINE if spec.name in stages]
    if newer:  # it reads no states of the others
        specs = [replace(spec, state_version=spec.state_version + 1, oldest_state=None) for spec in specs]
    workers = [Worker(url, spec, stages[spec.name], metrics.for_stage(spec.name), options) for spec in specs]

    stopping: list[asyncio.Task[None]] = []

    async def stop(worker: Worker) -> None:
        await worker.drain(DRAIN_S)
        worker.stop()

    def stop_all() -> None:
        stopping.extend(asyncio.create_task(stop(worker)) for worker in workers)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop_all)
    logs.Log(stages=list(stages)).info("worker process up")
    await asyncio.gather(*(worker.run() for worker in workers))


def main(build: Callable[[str, Metrics], Stage]) -> None:
    """Arguments as above; `build` makes a stage by name."""
    logs.to_stderr(call_ids=True)
    url, names, options = sys.argv[1], sys.argv[2].split(","), json.loads(sys.argv[3])
    newer = options.pop("newer", False)
    metrics = Metrics(CollectorRegistry())
    stages = {name: build(name, metrics) for name in names}
    asyncio.run(run_workers(url, stages, metrics, WorkerOptions(**options), newer))


if __name__ == "__main__":
    main(lambda name, metrics: STAGES[name])
