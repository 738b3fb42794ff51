"""Who of a worker's calls goes first: those that somebody waits for, and then the others, one step at a time.

live   ──step──  ──step──────  ──step──          as they come, side by side
later            │           ──step──  │         when no live step is under way, or after PATIENCE_S
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PATIENCE_S = 1.0
"""The longest that the one whose turn it is lets others go first: so nobody waits for ever."""


class Turns:
    """One for all calls of a worker."""

    def __init__(self) -> None:
        self._live = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """A step that nothing may delay."""
        self._live += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._live -= 1
            if not self._live:
                self._quiet.set()

    @asynccontextmanager
    async def later(self) -> AsyncIterator[None]:
        """A step that can wait."""
        async with self._one:
            until = time.monotonic() + PATIENCE_S
            while self._live and time.monotonic() < until:  # one may begin before this hears that there was none
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._quiet.wait(), until - time.monotonic())
            yield
