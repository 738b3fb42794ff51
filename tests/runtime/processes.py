"""Worker processes of a test's own, to be killed, stopped and watched by their logs."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speakerline.shared.pipeline import PIPELINE

ROOT = Path(__file__).parents[2]
ALL_STAGES = tuple(spec.name for spec in PIPELINE)
FAST: dict[str, Any] = {"lease_s": 0.6, "linger_s": 0.005, "lazy_s": 0.1, "idle_close_s": 30.0}
"""Worker options that make tests short."""


class WorkerProcess:
    """`module` is run with the Redis URL, the stages and the options of the workers."""

    def __init__(
        self,
        url: str,
        log: Path,
        stages: tuple[str, ...] = ALL_STAGES,
        options: dict[str, Any] | None = None,
        module: str = "tests.runtime.toy_worker",
    ) -> None:
        self.stages = stages
        self.log = log
        self.born = time.monotonic()
        command = [sys.executable, "-m", module, url, ",".join(stages), json.dumps({**FAST, **(options or {})})]
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=stderr, stdout=subprocess.DEVNULL)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [line for line in found if isinstance(line, dict)]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == event]

    def wait_until_up(self) -> "WorkerProcess":
        wait_for(lambda: self.logged("worker process up") or not self.alive, 90)
        return self

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(60)

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        return self.process.wait(timeout_s)

    def close(self) -> None:
        self.signal(signal.SIGCONT)
        self.kill()


def wait_for(condition: Callable[[], Any], timeout_s: float = 60.0, what: str = "") -> Any:
    """The first true answer. Raises TimeoutError."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise TimeoutError(f"{what or condition} did not come true within {timeout_s} s")


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
