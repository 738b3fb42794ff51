"""A gateway of the bench's own: a process on a fresh Redis."""

import asyncio
import os
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
            await asyncio.to_thread(_wait_until_alive, ports[0])
            yield GatewayProcess(process.pid, url, *ports)
        finally:
            process.kill()
            await process.wait()


def _wait_until_alive(port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            _get(port, "/healthz")
            return
        except OSError:
            time.sleep(0.1)
    raise Failure(f"the gateway does not answer within {START_S} s")


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
