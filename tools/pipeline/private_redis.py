"""A redis-server of our own, on a unix socket in a temporary folder, that ends with us, however we end."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from speakerline.tools.failure import Failure

START_TIMEOUT_S = 10.0

PREFIX, SOCKET = "speakerline-", "redis.sock"
LONGEST_SOCKET = 100
"""Bytes; the system takes 107 at most."""

_UNTIL_INPUT_ENDS = """
exec 3<&0
folder=$1; shift
"$@" </dev/null & server=$!
(cat <&3 >/dev/null; kill -KILL $server; rm -rf "$folder") 2>/dev/null &
wait $server
"""
"""Runs a program until standard input ends: a pipe that closes even when the process at its other end is killed."""


@asynccontextmanager
async def private_redis() -> AsyncIterator[str]:
    """The URL of a fresh, empty server. Raises Failure where there is no redis-server."""
    program = redis_program()
    folder = _folder()
    socket = folder / SOCKET
    settings = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "600", "dir": str(folder)}
    settings |= {"save": "", "appendonly": "no"}
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    (folder / "redis.log").touch(mode=0o600)
    with (folder / "redis.log").open("wb") as log:
        watched = ("sh", "-c", _UNTIL_INPUT_ENDS, "sh", str(folder), program, *flags)
        process = await asyncio.create_subprocess_exec(*watched, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log)
    try:
        await _listening(process, socket, folder)
        yield f"unix://{socket}?db=0"
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def redis_program() -> str:
    """The redis-server on the PATH, or the one that setup put beside our Python. Raises Failure where there is none."""
    program = shutil.which("redis-server") or shutil.which("redis-server", path=str(Path(sys.executable).parent))
    if program is None:
        raise Failure("no redis-server on the PATH: `make setup` installs it, or give --redis URL of a running one")
    return program


def _folder() -> Path:
    """A folder of our own for temporary files: $TMPDIR's, or where that is too long for a socket, /tmp's."""
    usual = Path(tempfile.gettempdir()) / f"{PREFIX}12345678" / SOCKET
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp" if len(bytes(usual)) > LONGEST_SOCKET else None))  # noqa: S108


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
