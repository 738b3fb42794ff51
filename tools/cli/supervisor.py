"""Starts processes, restarts those that exit, and stops all in order."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from speakerline.shared.logs import Log
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import redis_program

GRACE_S = 15.0
"""How long a process may take to end after SIGTERM."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A command line; those of higher rank are stopped first."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    rank: int


class Supervisor:
    """`start_...` adds a program; `run` keeps all of them running until `stop`."""

    def __init__(self) -> None:
        self._programs: list[Program] = []
        self._processes: dict[Program, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._log = Log(service="supervisor")

    def start_redis(self, url: str, data: Path) -> None:
        """Add a redis-server at the URL, with an append-only file in `data`. Raises Failure for a remote URL."""
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK:
            raise Failure(f"no Redis answers at {url}, which is not on this machine: start it there")
        data.mkdir(parents=True, exist_ok=True)
        settings = {"bind": "127.0.0.1", "port": str(parts.port or 6379), "appendonly": "yes", "save": ""}
        settings |= {"appendfsync": "everysec", "dir": str(data.resolve()), "loglevel": "warning"}
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._programs.append(Program("redis", (redis_program(), *words), {}, 0))

    def start_stage(self, name: str, url: str, port: int) -> None:
        """Add a process of a stage. url: its Redis. port: where it serves metrics and health."""
        environment = {"SPEAKERLINE_REDIS_URL": url, "SPEAKERLINE_PORT": str(port)}
        self._programs.append(
            Program(f"{name}:{port}", (sys.executable, "-m", f"speakerline.services.{name}"), environment, 1)
        )

    def stop(self) -> None:
        """Make `run` stop everything and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`. The stages end first, because they commit and hand over their calls; then Redis ends."""
        keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]
        await self._stopping.wait()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for rank in (1, 0):
            ending = [process for program, process in self._processes.items() if program.rank == rank]
            await asyncio.gather(*(_end(process) for process in ending))

    async def _keep(self, program: Program) -> None:
        pause = 0.5
        while True:
            started = asyncio.get_running_loop().time()
            process = await asyncio.create_subprocess_exec(
                *program.command, env={**os.environ, **program.environment}, start_new_session=True
            )
            self._processes[program] = process
            status = await process.wait()
            lived = asyncio.get_running_loop().time() - started
            pause = 0.5 if lived > 10 else min(10.0, pause * 2)
            self._log.error("process ended", program=program.name, status=status, again_in_s=pause)
            await asyncio.sleep(pause)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
