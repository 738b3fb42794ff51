"""Which systems of this user are up: each holds a lock on a file of its name, for as long as its process lives.

The kernel tells who holds a lock. No number is kept in a file, which could by now be that of another process.
"""

import fcntl
import os
import struct
import tempfile
from pathlib import Path

from speakerline.tools.failure import Failure
from speakerline.tools.private_folder import private_folder

_FLOCK = struct.Struct("hhqqi4x")
"""`struct flock` of fcntl(2) on 64-bit Linux: type, whence, start, length, process id."""


class SystemLock:
    """The lock of the system `name`: `take` it or ask for its `holder`. Raises Failure where others could tamper with
    the folder of the locks."""

    def __init__(self, name: str) -> None:
        self._file = open_own_file(f"{name}.lock")

    def take(self) -> bool:
        """Whether it is now ours, until this process ends."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def holder(self) -> int | None:
        """Id of the other process that holds it, None where there is none."""
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else int(process)

    def open_holder(self) -> int | None:
        """A file descriptor of that process (pidfd_open(2)), which never becomes another one's as a number may."""
        holder = self.holder()
        try:
            process = os.pidfd_open(holder) if holder else None
        except ProcessLookupError:
            return None
        return process if self.holder() == holder else None


def open_own_file(name: str) -> int:
    """A file descriptor of the file of this name beside the locks. Raises Failure where others could tamper with it."""
    path = private_folder(locks_folder()) / name
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Failure(f"{path}: expected a file of your own, and no link ({error.strerror})") from error


def locks_folder() -> Path:
    """Where they lie: only this user may look into it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "speakerline" if runtime else Path(tempfile.gettempdir()) / f"speakerline-{os.getuid()}"
