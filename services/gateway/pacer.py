"""When sockets of producers are read: not as soon as each has something, but together with others, at ticks.

What is sent between two reads comes in one piece, so that a wake-up of the process, a system call and a round trip to
Redis are shared by several frames. Wake-ups are most of what a frame costs.

    ask ──> a tick within LONGEST_S, TICK_S apart: sockets spread over them as they come ──> read what is there
                                                                        nothing is ──> the loop tells when
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

A_SOCKET_S = 0.001
"""How much later each open socket makes the next read."""

LONGEST_S = 0.06
"""The latest read: three frames of 20 ms. The rest of the 100 ms in which a frame should be in Redis is for the others
that are read with it."""

SHORTEST_S = 0.005
"""What is not worth a timer."""

TICK_S = 0.01
"""A fifth of the sockets of a busy gateway is read at once, so that none waits for the handling of all others."""

TOGETHER = 32
"""Sockets that are read one after the other are read again at the same tick: to find that out for each took nearly as
long as reading it."""

READ_BYTES = 65_536

_Reads = list[Callable[[], None]]


def read_now(transport: asyncio.BaseTransport) -> bytes:
    """What has come to a socket that the loop does not read; empty where nothing has, or it is over. To have the loop
    read it takes three system calls and a wake-up more."""
    try:
        return os.read(transport.get_extra_info("socket").fileno(), READ_BYTES)
    except OSError:
        return b""


class Pacer:
    """Lets sockets be read, the later the more are open. `sockets`: how many; who opens or closes one counts it."""

    def __init__(self) -> None:
        self.sockets = 0
        self._waiting: dict[int, _Reads] = {}
        """By the number of the tick."""
        self._reading = False
        self._next: _Reads | None = None
        """Where those wait that ask while they are read."""

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A socket that is open while the block lasts."""
        self.sockets += 1
        try:
            yield
        finally:
            self.sockets -= 1

    def ask(self, read: Callable[[], None]) -> bool:
        """Have `read` called when it is time. Whether it will be: few sockets are read by the loop, as soon as each has
        something."""
        waiting = self._tick() if self._next is None else self._next
        if waiting is None:
            return False
        waiting.append(read)
        if self._reading:
            self._next = waiting
        return True

    def _tick(self) -> "_Reads | None":
        """Who waits for the tick at which it is time for those who ask now; None where few sockets are open."""
        wait_s = min(LONGEST_S, self.sockets * A_SOCKET_S)
        if wait_s < SHORTEST_S:
            return None
        loop = asyncio.get_running_loop()
        tick = int((loop.time() + wait_s) / TICK_S)
        if tick not in self._waiting:
            self._waiting[tick] = []
            loop.call_at(tick * TICK_S, self._read, tick)
        return self._waiting[tick]

    def _read(self, tick: int) -> None:
        self._reading = True
        for number, read in enumerate(self._waiting.pop(tick)):
            if number % TOGETHER == 0:
                self._next = None
            try:
                read()
            except Exception as error:  # a fault in one socket: the others are read all the same
                context = {"message": "a socket of a producer was not read", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
        self._reading, self._next = False, None
