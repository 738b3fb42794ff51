"""Starts processes, restarts those that exit, and stops all in order. They end with the supervisor, however it ends."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speakerline.shared.logs import Log
from speakerline.tools.cli.output import Output
from speakerline.tools.cli.own_redis import as_configuration, own_data, own_redis_settings
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import redis_program

GRACE_S = 25.0
"""How long a process may take to end after SIGTERM; a stage takes at most 20 s (`grace_s`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A command line; those of higher rank are stopped first. `told`: its standard input. What others must not see is
    told or in the environment, because `ps` shows command lines to everybody."""

    name: str
    command: Sequence[str]
    rank: int
    environment: Mapping[str, str] = field(default_factory=dict)
    told: bytes = b""
    when_orphaned: str = "KILL"
    """The signal that the kernel sends when the supervisor is killed: see prctl(2). Redis writes what it was told, and
    ends; a stage may be killed at any time."""


class Supervisor:
    """`start_...` adds a program; `run` keeps all of them running until `stop`."""

    def __init__(self) -> None:
        self._programs: list[Program] = []
        self._processes: dict[Program, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._log = Log(service="supervisor")
        self._setpriv = shutil.which("setpriv") or ""
        if not self._setpriv:
            raise Failure("no setpriv on the PATH: the package util-linux has it")

    def start_redis(self, url: str, data: Path, memory_mb: int) -> None:
        """Add a redis-server at the URL, with its data in the folder. Raises Failure where that can't be."""
        settings = own_redis_settings(url, memory_mb)
        settings["dir"] = str(own_data(data))
        told = as_configuration(settings)
        self._programs.append(Program("redis", (redis_program(), "-"), 0, told=told, when_orphaned="TERM"))

    def start_stage(self, name: str, url: str, port: int) -> None:
        """Add a process of a stage. url: its Redis. port: where it serves metrics and health."""
        environment = {"SPEAKERLINE_REDIS_URL": url, "SPEAKERLINE_PORT": str(port)}
        command = (sys.executable, "-m", f"speakerline.services.{name}")
        self._programs.append(Program(f"{name}:{port}", command, 1, environment))

    def start_archive(self, url: str, archive_url: str, port: int) -> None:
        """Add the archive. url: its Redis. archive_url: its database. port: where it serves metrics and health."""
        environment = {
            "SPEAKERLINE_REDIS_URL": url,
            "SPEAKERLINE_ARCHIVE_URL": archive_url,
            "SPEAKERLINE_PORT": str(port),
        }
        command = (sys.executable, "-m", "speakerline.services.archive")
        self._programs.append(Program("archive", command, 1, environment))

    def start_gateway(self, url: str, archive_url: str, port: int, metrics_port: int) -> None:
        """Add the gateway. url: its Redis. archive_url: where archived calls are; empty = nowhere. port: where it
        listens. metrics_port: where it serves metrics."""
        environment = {
            "SPEAKERLINE_REDIS_URL": url,
            "SPEAKERLINE_ARCHIVE_URL": archive_url,
            "SPEAKERLINE_GATEWAY_PORT": str(port),
            "SPEAKERLINE_GATEWAY_METRICS_PORT": str(metrics_port),
        }
        command = (sys.executable, "-m", "speakerline.services.gateway")
        self._programs.append(Program("gateway", command, 2, environment))

    def stop(self) -> None:
        """Make `run` stop everything and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`. Then the gateway ends, then the stages, which hand over their calls, and then Redis."""
        keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]
        await self._stopping.wait()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for rank in (2, 1, 0):
            ending = [process for program, process in self._processes.items() if program.rank == rank]
            await asyncio.gather(*(_end(process) for process in ending))

    async def _keep(self, program: Program) -> None:
        pause = 0.5
        while True:
            started = asyncio.get_running_loop().time()
            try:
                output = Output()
                process = self._processes[program] = await self._start(program, output)
            except (OSError, RuntimeError) as error:  # no process, no file, no thread to be had
                event, why = "process does not start", {"error": str(error)}
            else:
                status = _in_words(await process.wait())
                event, why = "process ended", {"status": status, "said": await asyncio.to_thread(output.last_line)}
            lived = asyncio.get_running_loop().time() - started
            pause = 0.5 if lived > 10 else min(10.0, pause * 2)
            self._log.error(event, program=program.name, **why, again_in_s=pause)
            await asyncio.sleep(pause)

    async def _start(self, program: Program, output: Output) -> asyncio.subprocess.Process:
        """In a session of its own, so that Ctrl-C is left to the supervisor. Its files are for this user only."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._setpriv, "--pdeathsig", program.when_orphaned, *program.command),
                env={**os.environ, **program.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=output.pipe,
                stderr=output.pipe,
                start_new_session=True,
                umask=0o077,
            )
        finally:
            os.close(output.pipe)
        assert process.stdin
        process.stdin.write(program.told)
        process.stdin.close()
        return process


def _in_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
