"""Systems that a test brings up by `speakerline up`, with folders and ports of their own."""

import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from speakerline.shared.pipeline import PIPELINE
from tests.cli.command import run

PATIENCE_S = 120.0
"""Of a busy machine on which all programs of a system start at once."""


ALL = len(PIPELINE) + 2
"""The stages, the archive and their Redis."""


PORTS_OF_ALL = len(PIPELINE) + 3
"""Those of the stages, the archive, metrics of the gateway, and the gateway."""


PORTS = iter(range(21_000 + os.getpid() % 1000, 32_000, 10))
"""Where to look for free ones, so that no two systems find the same."""


@dataclass(slots=True)
class System:
    """An `up` of the test's own. The folder, named in the environment of all its processes, tells them from others."""

    folder: Path
    words: tuple[str, ...]
    environment: dict[str, str]
    redis: str
    process: "subprocess.Popen[str]"

    def children(self) -> list[int]:
        """Ids of the processes that it has started and that still live. (Redis writes over its environment.)"""
        marker, data = f"SPEAKERLINE_TEST={self.folder}".encode(), str(self.folder / "redis")
        processes = [path for path in Path("/proc").glob("[0-9]*") if int(path.name) != self.process.pid]
        return [
            int(path.name)
            for path in processes
            if marker in read(path / "environ").split(b"\0") or _folder_of(path) == data
        ]

    def at_work(self) -> "System":
        """Once every program has been started."""
        wait_until(lambda: self._ended() or (len(self.children()) >= ALL and answers(self.redis)))
        assert not self._ended(), self.process.communicate()
        return self

    def serving(self) -> "System":
        """Once every program has its port."""
        first = int(self.words[self.words.index("--port") + 1])
        wait_until(lambda: self._ended() or not any(map(_is_free, range(first, first + PORTS_OF_ALL))))
        assert not self._ended(), self.process.communicate()
        return self

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def down(self) -> "subprocess.CompletedProcess[str]":
        return run("down", "--name", self.folder.name, **self.environment)

    def refused(self, *words: str) -> str:
        """What another `up` with other words says, which can't be."""
        done = run(*self.words, *words, **self.environment)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr


NewSystem = Callable[..., System]


def answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    return next(first for first in PORTS if all(_is_free(first + number) for number in range(count)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _folder_of(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, f"did not come true within {PATIENCE_S:.0f} s"
        time.sleep(0.05)
