"""Names of workers, by which those on the same machine see at once that one has died.

asr-desk-1f4e9c-4711-d199bf
 │   │     │     │     └ by chance
 │   │     │     └ id of the process
 │   │     └ place: within which ids of processes mean the same
 │   └ host, for people
 └ stage
"""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")


def new_name(stage: str) -> str:
    """No other worker has it."""
    return f"{stage}-{socket.gethostname()}-{_place()}-{os.getpid()}-{_by_chance()}"


def has_died(name: str) -> bool:
    """Whether the process of this worker is known to be gone. One elsewhere may live, and so may one whose id is used
    again."""
    _, place, pid, _ = f"---{name}".rsplit("-", 3)
    if place != _place() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


@cache
def _place() -> str:
    """Of this boot of this machine, and of the container on it; where that can't be told, one that nobody else has."""
    try:
        return hashlib.sha256(f"{BOOT.read_text()} {NAMESPACE.readlink()}".encode()).hexdigest()[:6]
    except OSError:
        return _by_chance()


def _by_chance() -> str:
    return os.urandom(3).hex()
