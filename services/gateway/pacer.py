"""When sockets of producers are read: together, and not as soon as each has something.

What is sent between two reads comes in one piece, so that a wake-up of the process, a system call and a round trip to
Redis are shared by several frames. On an idle machine wake-ups are most of what a frame costs.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

A_SOCKET_S = 0.001
"""How much later each open socket makes the next read."""

LONGEST_S = 0.05
"""The latest read: half of the 100 ms in which a frame should be in Redis."""

SHORTEST_S = 0.005
"""What is not worth a timer."""


class Pacer:
    """Lets sockets be read, the later the more are open. `sockets`: how many; who opens or closes one counts it."""

    def __init__(self) -> None:
        self.sockets = 0
        self._waiting: list[Callable[[], None]] = []

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A socket that is open while the block lasts."""
        self.sockets += 1
        try:
            yield
        finally:
            self.sockets -= 1

    def ask(self, read: Callable[[], None]) -> None:
        """`read` is called when it is time."""
        wait_s = min(LONGEST_S, self.sockets * A_SOCKET_S)
        if wait_s < SHORTEST_S and not self._waiting:
            read()
            return
        if not self._waiting:
            asyncio.get_running_loop().call_later(wait_s, self._read)
        self._waiting.append(read)

    def _read(self) -> None:
        waiting, self._waiting = self._waiting, []
        for read in waiting:
            read()
