"""The system under measurement: a Redis of its own, and one process a stage, or several."""

import asyncio
import os
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from speakerline.shared.keys import loads_key
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
"""With one worker of each."""
IDLE_S = 4.0


@dataclass(slots=True)
class System:
    """Running; `pids` by part."""

    url: str
    redis: Redis
    pids: Mapping[str, Sequence[int]]
    ports: Sequence[int]
    """Where the workers of the stages serve their metrics."""
    idle_cores: Mapping[str, float]
    """CPU seconds a second of each part while there is no call."""

    async def model_runs(self) -> dict[tuple[str, str], ModelRuns]:
        """By stage and model, since the start."""
        found: dict[tuple[str, str], ModelRuns] = {}
        for port in self.ports:
            for key, runs in model_runs(await asyncio.to_thread(_metrics, port)).items():
                found[key] = found.get(key, ModelRuns()) + runs
        return found

    def usages(self) -> dict[str, Usage]:
        return _usages(self.pids)


@asynccontextmanager
async def running(settings: Mapping[str, str] | None = None, workers: int = 1) -> AsyncIterator[System]:
    """Redis and so many workers of each stage, ready for calls. `settings` go into their environment. Raises Failure
    where one does not start."""
    async with private_redis() as url:
        names = STAGES * workers
        ports = _free_ports(len(names))
        processes: list[tuple[str, asyncio.subprocess.Process]] = []
        redis = connect(url)
        try:
            for name, port in zip(names, ports, strict=True):
                processes.append((name, await _start(name, url, port, settings or {})))
            await _joined(redis, processes, workers)
            pids = {stage: [process.pid for name, process in processes if name == stage] for stage in STAGES}
            pids[BUS] = [int((await redis.info("server"))["process_id"])]
            yield System(url, redis, pids, ports, await _idle(pids))
        finally:
            await redis.aclose()
            for _, process in processes:
                if process.returncode is None:
                    process.terminate()
            await asyncio.gather(*(_ended(process) for _, process in processes))


def _usages(pids: Mapping[str, Sequence[int]]) -> dict[str, Usage]:
    return {part: sum(map(usage, several), Usage(0.0, 0)) for part, several in pids.items()}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


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


async def _joined(redis: Redis, processes: Sequence[tuple[str, asyncio.subprocess.Process]], workers: int) -> None:
    """Wait until every worker shares in the calls: it has loaded its models, and its peers know of it."""
    for _ in range(int(workers * START_TIMEOUT_S / 0.1)):
        for name, process in processes:
            if process.returncode is not None:
                raise Failure(f"stage {name} ended with status {process.returncode}")
        if all([await redis.hlen(loads_key(stage)) == workers for stage in STAGES]):
            return
        await asyncio.sleep(0.1)
    raise Failure(f"the stages were not ready within {workers * START_TIMEOUT_S:.0f} s")


async def _idle(pids: Mapping[str, Sequence[int]]) -> dict[str, float]:
    await asyncio.sleep(1)
    before = _usages(pids)
    await asyncio.sleep(IDLE_S)
    return {part: (use.cpu_s - before[part].cpu_s) / IDLE_S for part, use in _usages(pids).items()}


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), 10)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
