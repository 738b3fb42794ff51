"""A gateway of the bench's own: a process on a fresh Redis."""

import asyncio
import os
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from speakerline.shared.runtime.connection import Shard, connect
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import private_redis

START_S = 60


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    pid: int
    redis_url: str
    port: int
    audiosocket_port: int
    metrics_port: int

    async def metrics(self) -> str:
        return await asyncio.to_thread(_get, self.metrics_port, "/metrics")


@asynccontextmanager
async def gateway_process() -> AsyncIterator[GatewayProcess]:
    """One that answers. Raises Failure where it does not start."""
    ports = [_free_port() for _ in range(3)]
    names = ("GATEWAY_PORT", "INTAKE_AUDIOSOCKET_PORT", "GATEWAY_METRICS_PORT")
    async with private_redis() as url:
        options = {"REDIS_URL": url, **dict(zip(names, ports, strict=True))}
        environment = {**os.environ, **{f"SPEAKERLINE_{name}": str(value) for name, value in options.items()}}
        command = (sys.executable, "-m", "speakerline.services.gateway")
        process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
        try:
            await asyncio.to_thread(_wait_until, lambda: _get(ports[0], "/healthz"))
            yield GatewayProcess(process.pid, url, *ports)
        finally:
            process.kill()
            await process.wait()


@dataclass(frozen=True, slots=True)
class BareServer:
    pid: int
    port: int


@asynccontextmanager
async def bare_server(what: str) -> AsyncIterator[BareServer]:
    """One of `tools/bench/bare_server.py` that listens. Raises Failure where it does not."""
    port = _free_port()
    command = (sys.executable, "-m", "speakerline.tools.bench.bare_server", what, str(port))
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await asyncio.to_thread(_wait_until, lambda: socket.create_connection(("127.0.0.1", port)).close())
        yield BareServer(process.pid, port)
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def redis_of(gateway: GatewayProcess) -> AsyncIterator[Shard]:
    """A client of its Redis."""
    redis = connect(gateway.redis_url)
    try:
        yield redis
    finally:
        await redis.aclose()


def _wait_until(answers: Callable[[], object]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            answers()
            return
        except OSError:
            time.sleep(0.1)
    raise Failure(f"the server does not answer within {START_S} s")


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
