"""The shell of every service: one worker inside an ASGI app with health, readiness and metrics, until SIGTERM.

SIGTERM ──> worker.drain ──> server stops ──> lifespan ends ──> worker.stop ──> steps finished, committed, handed over
             (only beside a newer version; a second SIGTERM ends it)
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.asgi.types import ASGIApp, Scope
from faststream.redis import RedisBroker
from prometheus_client import make_asgi_app

from speakerline.shared import logs
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime import health
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.server import Server, on_stop_signal
from speakerline.shared.runtime.service_settings import ServiceSettings
from speakerline.shared.runtime.shard_worker import ShardWorker
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.worker import Worker

__all__ = ["ServiceSettings", "serve"]


async def serve(spec: StageSpec, stage: Stage, settings: ServiceSettings, metrics: Metrics | None = None) -> None:
    """Run one worker of a stage until SIGTERM or SIGINT. Raises what made the worker fail."""
    logs.to_stderr(getattr(logging, settings.log_level.upper()), settings.log_call_ids)
    log = logs.Log(stage=spec.name)
    log.info("settings", **settings.printable())
    metrics = metrics or Metrics()
    tracer = Tracer.to_endpoint(spec.name, settings.otlp_endpoint) if settings.otlp_endpoint else None
    worker = Worker(settings.redis_url, spec, stage, metrics.for_stage(spec.name), settings.options_for(spec), tracer)
    running: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        task = asyncio.create_task(worker.run())
        running.append(task)
        task.add_done_callback(lambda _: server.stop())
        yield
        worker.stop()
        _, late = await asyncio.wait([task], timeout=settings.grace_s)
        if late:
            log.error("stopped before the steps at hand were done", grace_s=settings.grace_s)
            task.cancel()

    app = AsgiFastStream(
        RedisBroker(),  # a shell without subscribers: it connects to nothing
        lifespan=lifespan,
        logger=None,
        asgi_routes=[
            ("/healthz", _health(worker)),
            ("/readyz", _readiness(worker)),
            ("/metrics", make_asgi_app(metrics.registry)),
        ],
    )
    server = Server(
        uvicorn.Config(
            app,
            settings.host,
            settings.port,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
        )
    )
    draining: list[asyncio.Task[None]] = []

    async def drain() -> None:
        await worker.drain(settings.drain_s)
        server.stop()

    def stop() -> None:
        if draining:
            server.stop()
        draining.append(asyncio.create_task(drain()))

    on_stop_signal(stop)
    await server.serve()
    await end(draining)
    if tracer:
        tracer.close()
    for task in running:
        await asyncio.gather(task)


def _health(worker: Worker) -> ASGIApp:
    @get(description="Whether the worker's loop still comes round.")
    async def healthz(scope: Scope) -> AsgiResponse:
        return _answer(*health.alive(time.monotonic(), min(shard.progress.turned_at for shard in worker.shards)))

    return healthz


def _readiness(worker: Worker) -> ASGIApp:
    @get(description="Whether Redis answers and work moves: fails when calls or entries wait and nothing moves.")
    async def readyz(scope: Scope) -> AsgiResponse:
        judged = await asyncio.gather(*map(_judged, worker.shards))
        problems = [f"shard {number}: {reason}" for number, (well, reason) in enumerate(judged) if not well]
        reason = "; ".join(problems) if len(judged) > 1 and problems else judged[0][1]
        full = [] if problems else await asyncio.gather(*(shard.progress.lack_of_room() for shard in worker.shards))
        told = (reason, *dict.fromkeys(full), str(worker.shedding))
        return _answer(not problems, "; ".join(filter(None, told)))

    return readyz


async def _judged(shard: ShardWorker) -> tuple[bool, str]:
    progress = shard.progress
    problem = await progress.problem_of_redis()
    state = (progress.turned_at, problem, progress.moved_at, progress.pending, len(shard.calls), progress.group_lag)
    return health.ready(time.monotonic(), *state)


def _answer(well: bool, reason: str) -> AsgiResponse:
    return AsgiResponse(reason.encode(), 200 if well else 503, {"content-type": "text/plain"})
