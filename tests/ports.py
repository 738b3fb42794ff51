"""Ports of loopback for servers of tests, each for one test alone, whatever else runs.

One that the system chooses is free at that moment: a server that takes seconds to start may find it taken, by another
test or as the near end of a connection. These lie below what the system chooses from, and are held meanwhile.
"""

import secrets
import socket

FROM, THROUGH = 10_000, 19_999
HOLDS = "127.0.0.77"
"""Where a port is held until this process ends, beside the server that listens at 127.0.0.1."""

_held: list[socket.socket] = []


def free_port() -> int:
    """One that no other process has got from here."""
    while True:
        port = FROM + secrets.randbelow(THROUGH - FROM + 1)
        if is_free(port):
            return port


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    return [free_port() for _ in range(count)]


def is_free(port: int) -> bool:
    """Whether it was; from now on it is held."""
    hold = socket.socket()
    try:
        hold.bind((HOLDS, port))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        hold.close()
        return False
    _held.append(hold)
    return True
