"""The shell of the archive: its work inside an ASGI app with health, readiness and metrics, until SIGTERM."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.asgi.types import ASGIApp, Scope
from faststream.redis import RedisBroker
from prometheus_client import make_asgi_app

from speakerline.services.archive.archive import Archive
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.services.archive.store import Store
from speakerline.shared import logs
from speakerline.shared.addresses import addresses
from speakerline.shared.archive.database import open_database
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.server import Server, on_stop_signal


async def serve(read_settings: Callable[[], ArchiveServiceSettings]) -> None:
    """Run until SIGTERM or SIGINT. Raises InvalidSettings, and what made the archive fail."""
    settings = read_settings()
    logs.to_stderr(getattr(logging, settings.log_level.upper()), settings.log_call_ids)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # it lists its own parts at each start
    log = logs.Log(stage="archive")
    log.info("settings", **settings.printable())
    metrics = ArchiveMetrics()
    async with archiving(settings, metrics) as archive:
        task = asyncio.create_task(archive.run())
        server = _server(settings, metrics, archive)
        task.add_done_callback(lambda _: server.stop())
        on_stop_signal(server.stop)
        await server.serve()
        archive.stop()
        _, late = await asyncio.wait([task], timeout=settings.grace_s)
        if late:
            log.error("stopped before what was read was written", grace_s=settings.grace_s)
            task.cancel()
        await asyncio.gather(task, return_exceptions=bool(late))


@asynccontextmanager
async def archiving(settings: ArchiveServiceSettings, metrics: ArchiveMetrics) -> AsyncIterator[Archive]:
    """An archive that is to be run within the block."""
    shards, engine = [connect(one) for one in addresses(settings.redis_url)], open_database(settings.archive.url)
    sound_url = settings.archive.sound_url
    folder = SoundFolder(sound_url) if sound_url else None
    try:
        stores = [Store(engine, folder is not None, number, len(shards)) for number in range(len(shards))]
        log, wait_s = logs.Log(stage="archive"), settings.archive_wait_s
        yield Archive(shards, stores, metrics, wait_s, settings.limits, folder, log)
    finally:
        for shard in shards:
            await shard.aclose()
        engine.dispose()


def _server(settings: ArchiveServiceSettings, metrics: ArchiveMetrics, archive: Archive) -> Server:
    app = AsgiFastStream(
        RedisBroker(),
        logger=None,
        asgi_routes=[
            ("/healthz", healthz),
            ("/readyz", _readiness(archive)),
            ("/metrics", make_asgi_app(metrics.registry)),
        ],
    )
    return Server(
        uvicorn.Config(
            app,
            settings.host,
            settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
    )


@get(description="Whether the process is alive: where its loop stands still, no answer comes.")
async def healthz(scope: Scope) -> AsgiResponse:
    return _answer(True, "alive")


def _readiness(archive: Archive) -> ASGIApp:
    @get(description="Whether Redis and the database answer.")
    async def readyz(scope: Scope) -> AsgiResponse:
        return _answer(not archive.problem, archive.problem or "ready")

    return readyz


def _answer(well: bool, reason: str) -> AsgiResponse:
    return AsgiResponse(reason.encode(), 200 if well else 503, {"content-type": "text/plain"})
