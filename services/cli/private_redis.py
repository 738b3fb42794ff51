"""A redis-server of our own, on a unix socket in a temporary folder, that ends with us."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.cli.failure import Failure

START_TIMEOUT_S = 10.0


@asynccontextmanager
async def private_redis() -> AsyncIterator[str]:
    """The URL of a fresh, empty server. Raises Failure where there is no redis-server."""
    program = redis_program()
    folder = Path(tempfile.mkdtemp(prefix="speakerline-"))
    socket = folder / "redis.sock"
    settings = {"port": "0", "unixsocket": str(socket), "save": "", "appendonly": "no", "dir": str(folder)}
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    log = (folder / "redis.log").open("wb")
    process = await asyncio.create_subprocess_exec(program, *flags, stdout=log, stderr=log)
    try:
        await _listening(process, socket, folder)
        yield f"unix://{socket}?db=0"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def redis_program() -> str:
    """The redis-server on the PATH, or the one that setup put beside our Python. Raises Failure where there is none."""
    program = shutil.which("redis-server") or shutil.which("redis-server", path=str(Path(sys.executable).parent))
    if program is None:
        raise Failure("no redis-server on the PATH: `make setup` installs it, or give --redis URL of a running one")
    return program


async def _listening(process: asyncio.subprocess.Process, socket: Path, folder: Path) -> None:
    for _ in range(int(START_TIMEOUT_S / 0.02)):
        if process.returncode is not None:
            break
        try:
            _, writer = await asyncio.open_unix_connection(str(socket))
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    tail = (folder / "redis.log").read_text(errors="replace")[-500:]
    raise Failure(f"redis-server did not start within {START_TIMEOUT_S:.0f} s:\n{tail}")
