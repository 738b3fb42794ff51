"""The end of a gateway: watchers are told to reconnect at once, calls go on to their end or to the end of the grace."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Stopping:
    """`begin` at SIGTERM. Watchers wait for `begun` and end; `hold` counts the socket of a call while it lasts."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.held = 0

    def begin(self) -> None:
        self.begun.set()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """The gateway ends only after this block, or after the grace."""
        self.held += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.held -= 1
            if not self.held:
                self._idle.set()

    async def wait(self, grace_s: float) -> int:
        """Wait for `begin`, and then until nothing is held, `grace_s` at most. Gives how many are held still."""
        await self.begun.wait()
        try:
            await asyncio.wait_for(self._idle.wait(), grace_s)
        except asyncio.TimeoutError:
            pass  # the grace is over: the caller says what was cut off
        return self.held
