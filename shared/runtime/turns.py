"""Who of a worker's calls goes first: those that somebody waits for, and then the others, one step at a time.

live   ──step──  ──step──────  ──step──             ──step──   as they come, side by side
later            │           ──step──  │            ──step──   when no live step is under way, or after PATIENCE_S
alone                                    ──step──              when no step is under way; none begins meanwhile
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
        self._steps = self._live = 0
        self._idle, self._quiet, self._open = asyncio.Event(), asyncio.Event(), asyncio.Event()
        for event in (self._idle, self._quiet, self._open):
            event.set()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """A step that nothing may delay but one that goes alone."""
        async with self._step():
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
            async with self._step():
                yield

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """A step that may end the process: if it does, no other can have done it. One at a time."""
        self._open.clear()
        try:
            await self._idle.wait()
            yield
        finally:
            self._open.set()

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        while not self._open.is_set():  # another may go alone before this hears that the last one has ended
            await self._open.wait()
        self._steps += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._steps -= 1
            if not self._steps:
                self._idle.set()
