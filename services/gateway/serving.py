"""Runs a gateway until SIGTERM.

SIGTERM ──> not ready, watchers end with `retry` ──> sockets of calls end, or the grace does ──> server stops ──> exit
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import uvicorn

from speakerline.services.gateway.app import create_app
from speakerline.services.gateway.metrics import GatewayMetrics, serving_metrics
from speakerline.services.gateway.pacer import Pacer
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.services.gateway.websocket import PacedWebSocket
from speakerline.shared import logs
from speakerline.shared.runtime.server import Server, on_stop_signal

CLOSING_S = 2
"""For answers that are under way when the server stops."""

YOUNG_OBJECTS = 10_000
"""After how many new objects Python looks for cycles. A round of 400 calls makes more than its usual 700."""


async def serve(read_settings: Callable[[], GatewaySettings]) -> None:
    """Serve until SIGTERM or SIGINT. Raises InvalidSettings."""
    settings = read_settings()
    logs.to_stderr(getattr(logging, settings.log_level.upper()), settings.log_call_ids)
    server_log = logging.getLogger("uvicorn.error")
    server_log.setLevel(logging.WARNING)  # it tells the address of each socket: tickets, ids
    server_log.addFilter(_is_no_refusal)
    log = logs.Log(stage="gateway")
    log.info("settings", **settings.printable())
    stopping = Stopping()
    metrics = GatewayMetrics()
    server = server_of(settings, stopping, metrics)
    on_stop_signal(stopping.begin)
    with serving_metrics(settings.gateway_metrics_host, settings.gateway_metrics_port, metrics.registry):
        await _serve_until_stopped(server, stopping, settings.gateway_grace_s, log)


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Whether a line says more than that a socket was refused with a status of HTTP: uvicorn takes that for a fault."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


async def _serve_until_stopped(server: Server, stopping: Stopping, grace_s: float, log: logs.Log) -> None:
    task = asyncio.create_task(server.serve())
    ending = asyncio.create_task(stopping.wait(grace_s))
    settling = asyncio.create_task(_settle(server))
    await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
    settling.cancel()
    if ending.done() and (cut_off := ending.result()):
        log.error("stopped before calls had ended", calls=cut_off, grace_s=grace_s)
    ending.cancel()
    server.stop()
    await task


async def _settle(server: Server) -> None:
    """What is there when the gateway has started stays. Python need not look through it for cycles again and again:
    with 250,000 objects that held up all frames for 0.3 s on a busy machine."""
    await server.up.wait()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def serving(settings: GatewaySettings, stopping: Stopping, metrics: GatewayMetrics) -> AsyncIterator[int]:
    """A gateway within this loop, until the end of the block. Gives its port."""
    server = server_of(settings, stopping, metrics)
    task = asyncio.create_task(server.serve())
    try:
        await server.up.wait()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        stopping.begin()
        server.stop()
        await task


def server_of(settings: GatewaySettings, stopping: Stopping, metrics: GatewayMetrics) -> Server:
    """The server, not yet running."""
    return Server(
        uvicorn.Config(
            create_app(settings, stopping, metrics),
            settings.gateway_host,
            settings.gateway_port,
            ws=partial(PacedWebSocket, Pacer()),  # type: ignore[arg-type]  # it is called, no more
            ws_max_size=settings.gateway_message_bytes,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=CLOSING_S,
        )
    )
