"""Stages as services of a test's own, and what they answer."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.runtime.processes import ROOT

Serve = Callable[..., tuple["subprocess.Popen[bytes]", str, Path]]
"""With the URL of Redis and settings: the process, its address and its log."""


class Services:
    """Each a toy of vad; `close` ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, redis_url: str, **settings: str) -> tuple["subprocess.Popen[bytes]", str, Path]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {**os.environ, "SPEAKERLINE_REDIS_URL": redis_url, "SPEAKERLINE_PORT": str(port)}
        environment |= {f"SPEAKERLINE_{name.upper()}": value for name, value in settings.items()}
        log = self._folder / f"service-{len(self._started)}.log"
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "tests.runtime.toy_service", "vad"]
            self._started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=stderr))
        return self._started[-1], f"http://127.0.0.1:{port}", log

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


def get(url: str) -> tuple[int, str]:
    """Status and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""
