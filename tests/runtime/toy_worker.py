"""One process with a worker of each named stage, toys inside: `python -m tests.runtime.toy_worker URL STAGES OPTIONS`.

STAGES are names with commas, OPTIONS are WorkerOptions as JSON. Ends on SIGTERM; logs to standard error."""

import asyncio
import json
import signal
import sys

from prometheus_client import CollectorRegistry

from shared import logs
from shared.pipeline import PIPELINE
from shared.runtime.metrics import Metrics
from shared.runtime.options import WorkerOptions
from shared.runtime.worker import Worker
from tests.runtime.toy_stages import STAGES


async def main(url: str, names: list[str], options: WorkerOptions) -> None:
    metrics = Metrics(CollectorRegistry())
    specs = [spec for spec in PIPELINE if spec.name in names]
    workers = [Worker(url, spec, STAGES[spec.name], metrics.for_stage(spec.name), options) for spec in specs]

    def stop() -> None:
        for worker in workers:
            worker.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    logs.Log(stages=names).info("worker process up")
    await asyncio.gather(*(worker.run() for worker in workers))


if __name__ == "__main__":
    logs.to_stderr()
    asyncio.run(main(sys.argv[1], sys.argv[2].split(","), WorkerOptions(**json.loads(sys.argv[3]))))
