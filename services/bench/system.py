"""The system under measurement: a Redis of its own and one process a stage."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.asyncio import Redis

from services.bench.usage import Usage, usage
from services.cli.failure import Failure
from services.cli.private_redis import private_redis
from shared.keys import CALLS
from shared.pipeline import PIPELINE
from shared.runtime.connection import connect

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
    idle_cores: Mapping[str, float]
    """CPU seconds a second of each part while there is no call."""

    def usages(self) -> dict[str, Usage]:
        return {part: usage(pid) for part, pid in self.pids.items()}


@asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Redis and all stages, ready for calls. Raises Failure where one does not start."""
    async with private_redis() as url:
        processes: dict[str, asyncio.subprocess.Process] = {}
        redis = connect(url)
        try:
            for name in STAGES:
                processes[name] = await _start(name, url)
            await _joined(redis, processes)
            pids = {name: process.pid for name, process in processes.items()}
            pids[BUS] = int((await redis.info("server"))["process_id"])
            yield System(url, redis, pids, await _idle(pids))
        finally:
            await redis.aclose()
            for process in processes.values():
                if process.returncode is None:
                    process.terminate()
            await asyncio.gather(*(_ended(process) for process in processes.values()))


async def _start(name: str, url: str) -> asyncio.subprocess.Process:
    settings = {"SPEAKERLINE_REDIS_URL": url, "SPEAKERLINE_PORT": "0", "SPEAKERLINE_LOG_LEVEL": "error"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{name}", env={**os.environ, **settings}, stdout=asyncio.subprocess.DEVNULL
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
