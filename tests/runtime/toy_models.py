"""Models for isolated processes: most inputs are doubled, some end badly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from speakerline.shared.models.files import ModelMissing

Model = Callable[[list[object]], list[object]]
_KEPT: list[object] = []
SPIN = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
"""It ends, whoever started it."""


def build_toy(load_s: float = 0.0) -> Model:
    """Doubles numbers and arrays. Strings name a way to end badly."""
    time.sleep(load_s)
    return lambda batch: [_answer(one) for one in batch]


def build_missing() -> Model:
    raise ModelMissing("the weights of the toy are missing: pip install toy")


def build_crashing() -> Model:
    os._exit(7)


def build_slower(before: str) -> Model:
    """Loads at once where no file of that name is there, and leaves it; else hangs."""
    path = Path(before)
    if path.exists():
        time.sleep(600)
    path.touch()
    return build_toy()


def _answer(one: object) -> object:
    return _misbehave(one) if isinstance(one, str) else one * 2  # type: ignore[operator]


def _misbehave(one: str) -> object:
    if one == "pid":
        return os.getpid()
    if one == "hang":
        while True:
            time.sleep(60)
    if one == "compute among others":
        return _compute_among_others()
    if one == "exit":
        os._exit(3)
    if one == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if one == "grow":
        kept = []
        while True:
            kept.append(np.ones(2**20))
    if one == "memory error":
        raise MemoryError("no room for 1 TB")
    if one == "leave somebody behind":
        if os.fork():
            os._exit(3)
        _linger()
    if one == "keep":
        _KEPT.append(np.ones(2**25))
        return os.getpid()
    if one == "raise":
        raise ValueError("this one I refuse")
    if one == "unsendable":
        return lambda: None
    if one == "unreadable":
        return _Unreadable()
    if one == "short":
        raise StopIteration
    raise AssertionError(one)


def _linger() -> None:
    """Keep what was inherited open for a while, but not what the tests write to."""
    os.closerange(0, 3)
    time.sleep(20)
    os._exit(0)


class _Unreadable:
    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("no number",)


def _compute_among_others() -> object:
    """Half a second of computing on one processor that three others use, too; gives the seconds that passed."""
    mine = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine})
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(3)]
    began = time.monotonic()
    try:
        done = time.process_time() + 0.5
        while time.process_time() < done:
            pass
    finally:
        for other in others:
            other.kill()
            other.wait()
    return time.monotonic() - began
