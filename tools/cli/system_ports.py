"""The ports of a system, chosen before its programs listen there.

Two that are started at the same moment find the same ports free. So each holds a lock on the bytes of their numbers
in a file, for as long as its process lives.
"""

import fcntl

from speakerline.tools.cli.system_lock import open_own_file
from speakerline.tools.failure import Failure
from speakerline.tools.free_port import problem_of_port

PORTS = 65_536


class SystemPorts:
    """`row` takes some for this system, until its process ends."""

    def __init__(self) -> None:
        self._file = open_own_file("ports")
        self._taken: set[int] = set()

    def row(self, first: int, count: int, remedy: str = "") -> range:
        """So many in a row, `first` or a later one being the first. remedy: what helps where `first` must be it.

        Raises Failure where it must be, and one of them can't be had; and where there are none up to the last port."""
        while problem := self._problem(ports := range(first, first + count)):
            if remedy:
                raise Failure(f"{problem}: {remedy}")
            first += count
            if first + count > PORTS:
                raise Failure(f"{problem}: expected {count} free ports in a row up to {PORTS - 1}")
        self._taken.update(ports)
        return ports

    def _problem(self, ports: range) -> str:
        """Why these can't be had; empty where they are now ours."""
        for port in ports:
            if why := "another program of this system has it" if port in self._taken else problem_of_port(port):
                return f"port {port} can't be used ({why})"
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, len(ports), ports.start)
        except (BlockingIOError, PermissionError):
            which = "it" if len(ports) == 1 else f"it or one of the {len(ports) - 1} after it"
            return f"port {ports.start} can't be used (another system has chosen {which})"
        return ""
