"""A gateway as a process of its own, for tests that stop it, kill it, or speak to it as a browser would."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.gateway.plain_http import get
from tests.ports import free_ports
from tests.runtime.processes import ROOT, wait_for


class GatewayProcess:
    """`python -m speakerline.services.gateway` on a free port, which stays the same over `start`."""

    def __init__(self, redis_url: str, log: Path, **settings: str) -> None:
        self.port, self.metrics_port = free_ports(2)
        self.log = log
        self._environment = {
            **os.environ,
            "SPEAKERLINE_REDIS_URL": redis_url,
            "SPEAKERLINE_GATEWAY_PORT": str(self.port),
            "SPEAKERLINE_GATEWAY_METRICS_PORT": str(self.metrics_port),
            **{f"SPEAKERLINE_{name.upper()}": value for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def start(self) -> "GatewayProcess":
        """Start it and wait until it answers."""
        self.launch()
        wait_for(self._answers, 90)
        return self

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start it."""
        with self.log.open("ab") as stderr:
            command = [sys.executable, "-m", "speakerline.services.gateway"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=stderr)
        return self.process

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal, wait, and give the exit status."""
        assert self.process
        self.process.send_signal(how)
        return self.process.wait(60)

    def _answers(self) -> bool:
        assert self.process and self.process.poll() is None, self.log.read_text()
        try:
            return get(f"{self.url}/healthz", timeout=5).text == "alive"
        except httpx.HTTPError:
            return False


@contextmanager
def gateway_process(redis_url: str, log: Path, **settings: str) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(redis_url, log, **settings)
    try:
        yield gateway.start()
    finally:
        if gateway.process and gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait()
