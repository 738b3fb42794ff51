"""What a process writes: passed on to standard error line by line, and the last line remembered."""

import contextlib
import os
import sys
import threading

LONGEST_LINE = 1 << 16
SHOWN = 300
"""Characters of the last line."""


class Output:
    """`pipe` is for the process to write into. In a thread, so that whoever is slow to read what is passed on holds up
    that process alone."""

    def __init__(self) -> None:
        self._last = b""
        read, self.pipe = os.pipe()
        self._reader = threading.Thread(target=self._pass_on, args=(read,), daemon=True)
        self._reader.start()

    def last_line(self, timeout_s: float = 1.0) -> str:
        """Once the process has ended; those that it started itself may still write for a while."""
        self._reader.join(timeout_s)
        return self._last.decode(errors="replace")[:SHOWN]

    def _pass_on(self, read: int) -> None:
        with os.fdopen(read, "rb") as lines:
            for line in iter(lambda: lines.readline(LONGEST_LINE), b""):
                self._last = line.strip() or self._last
                with contextlib.suppress(OSError):
                    os.write(sys.stderr.fileno(), line)
