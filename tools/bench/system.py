"""The system under measurement: a Redis of its own and one process a stage."""

import asyncio
import os
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from speakerline.shared.keys import CALLS
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.connection import connect
from speakerline.tools.bench.model_runs import ModelRuns, model_runs
from speakerline.tools.bench.usage import Usage, usage
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import private_redis

BUS = "redis"
STAGES = tuple(spec.name for spec in PIPELINE)
PARTS = (*STAGES, BUS)
START_TIMEOUT_S = 120.0
IDLE_S = 4.0


@dataclass(slots=True)
class System:
    """Running; `pids` by part."""

    url: str
    redis: Redis
    pids: Mapping[str, int]
    ports: Mapping[str, int]
    """Where each stage serves its metrics."""
    idle_cores: Mapping[str, float]
    """CPU seconds a second of each part while there is no call."""

    async def model_runs(self) -> dict[tuple[str, str], ModelRuns]:
        """By stage and model, since the start."""
        found: dict[tuple[str, str], ModelRuns] = {}
        for port in self.ports.values():
            found |= model_runs(await asyncio.to_thread(_metrics, port))
        return found

    def usages(self) -> dict[str, Usage]:
        return {part: usage(pid) for part, pid in self.pids.items()}


@asynccontextmanager
async def running(settings: Mapping[str, str] | None = None) -> AsyncIterator[System]:
    """Redis and all stages, ready for calls. `settings` go into their environment. Raises Failure where one does not
    start."""
    async with private_redis() as url:
        ports = _free_ports()
        processes: dict[str, asyncio.subprocess.Process] = {}
        redis = connect(url)
        try:
            for name in STAGES:
                processes[name] = await _start(name, url, ports[name], settings or {})
            await _joined(redis, processes)
            pids = {name: process.pid for name, process in processes.items()}
            pids[BUS] = int((await redis.info("server"))["process_id"])
            yield System(url, redis, pids, ports, await _idle(pids))
        finally:
            await redis.aclose()
            for process in processes.values():
                if process.returncode is None:
                    process.terminate()
            await asyncio.gather(*(_ended(process) for process in processes.values()))


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in STAGES}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in sockets.items()}


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


async def _start(name: str, url: str, port: int, more: Mapping[str, str]) -> asyncio.subprocess.Process:
    settings = {"SPEAKERLINE_REDIS_URL": url, "SPEAKERLINE_PORT": str(port), "SPEAKERLINE_LOG_LEVEL": "error", **more}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"speakerline.services.{name}",
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.DEVNULL,
    )


async def _joined(redis: Redis, processes: Mapping[str, asyncio.subprocess.Process]) -> None:
    """Wait until every stage listens for calls: it has loaded its models and made its group."""
    for _ in range(int(START_TIMEOUT_S / 0.1)):
        for name, process in processes.items():
            if process.returncode is not None:
                raise Failure(f"stage {name} ended with status {process.returncode}")
        groups = await redis.xinfo_groups(CALLS) if await redis.exists(CALLS) else []
        if {group["name"].decode() for group in groups} >= set(STAGES):
            return
        await asyncio.sleep(0.1)
    raise Failure(f"the stages were not ready within {START_TIMEOUT_S:.0f} s")


async def _idle(pids: Mapping[str, int]) -> dict[str, float]:
    await asyncio.sleep(1)
    before = {part: usage(pid).cpu_s for part, pid in pids.items()}
    await asyncio.sleep(IDLE_S)
    return {part: (usage(pid).cpu_s - before[part]) / IDLE_S for part, pid in pids.items()}


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), 10)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
