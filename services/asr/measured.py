"""How much of a second Whisper takes for a second of a live call, measured once on this machine and remembered.

A worker that starts again must choose the weights that it had: others would give other words. It would measure other
figures too, because after a crash the machine is busy.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from speakerline.shared.models.files import models_folder
from speakerline.shared.runtime.cores import usable_cores

FILE = "whisper-live-loads.json"
"""In the models folder; where it can't be written, each start measures."""

LIMIT_S = 60.0
"""A model that is not measured by then is too slow."""

UNMEASURED = float("inf")


def live_load(folder: Path, device: str, precision: str) -> float:
    """The remembered load of a model, else the measured one; infinite where that does not come to an end. Workers that
    start together measure once."""
    key = f"{folder.resolve()} {device} {precision} {usable_cores():g} cores"
    with _locked(models_folder() / FILE) as path:
        known = _read(path)
        if key not in known:
            load = measure(folder, device, precision)
            if load == UNMEASURED:
                return load
            known[key] = load
            _write(path, known)
        return known[key]


def measure(folder: Path, device: str, precision: str) -> float:
    """As in `speed`; infinite where that does not come to an end."""
    command = [sys.executable, "-m", "speakerline.services.asr.speed", str(folder), device, precision]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        return float(done.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return UNMEASURED


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """One process at a time, where the folder can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield path
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(lock)


def _read(path: Path) -> dict[str, float]:
    """Nothing where there is no file, or none of this kind."""
    try:
        known = json.loads(path.read_text("utf-8"))
        return {str(key): float(load) for key, load in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write(path: Path, known: dict[str, float]) -> None:
    made = path.with_suffix(".new")
    with suppress(OSError):
        made.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
        made.replace(path)
