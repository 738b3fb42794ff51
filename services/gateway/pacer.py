"""When sockets of producers are read: in turn, many together, and not as soon as each has something.

ask ──> [ waiting ] ── every STEP_S, the share that is due ──> read

What is sent between two reads comes in one piece, so that a wake-up of the process, a system call and a round trip to
Redis are shared by several frames. On an idle machine wake-ups are most of what a frame costs. All sockets in one go
would keep the last of them waiting for all others.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

A_SOCKET_S = 0.001
"""How much longer each open socket makes the time between two reads of one."""

LONGEST_S = 0.05
"""The longest time between two reads: half of the 100 ms in which a frame should be in Redis."""

SHORTEST_S = 0.005
"""What is not worth a timer."""

STEP_S = 0.01


class Pacer:
    """Lets sockets be read, the later the more are open. `sockets`: how many; who opens or closes one counts it."""

    def __init__(self) -> None:
        self.sockets = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._sockets_a_second = 0.0
        self._read_at = 0.0

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
        round_s = min(LONGEST_S, self.sockets * A_SOCKET_S)
        if round_s < SHORTEST_S and not self._waiting:
            read()
            return
        self._sockets_a_second = self.sockets / max(round_s, SHORTEST_S)
        if not self._waiting:
            self._read_at = self._next(min(round_s, STEP_S))
        self._waiting.append(read)

    def _next(self, step_s: float) -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(step_s, self._read)
        return loop.time()

    def _read(self) -> None:
        passed_s = asyncio.get_running_loop().time() - self._read_at
        for _ in range(min(len(self._waiting), math.ceil(passed_s * self._sockets_a_second))):
            self._waiting.popleft()()
        if self._waiting:
            self._read_at = self._next(STEP_S)
