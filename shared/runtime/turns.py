"""Who of a worker's calls goes first: those that somebody waits for, and then the others, one step at a time.

live   ──step──  ──step──────  ──step──             ──step──   as they come, side by side
later            │           ──step──  │            ──step──   when no live step is under way, or after PATIENCE_S
alone                                    ──step──              when no step is under way; none begins meanwhile
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

PATIENCE_S = 1.0
"""The longest that the one whose turn it is lets others go first: so nobody waits for ever."""


class _Steps:
    """`count` of those under way; `none` is set where there are none."""

    def __init__(self) -> None:
        self.count = 0
        self.none = asyncio.Event()
        self.none.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        self.count += 1
        self.none.clear()
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                self.none.set()


class Turns:
    """One for all calls of a worker."""

    def __init__(self) -> None:
        self._all, self._live = _Steps(), _Steps()
        self._open = asyncio.Event()
        self._open.set()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """A step that nothing may delay but one that goes alone."""
        async with self._step():
            with self._live.one():
                yield

    @asynccontextmanager
    async def later(self) -> AsyncIterator[None]:
        """A step that can wait."""
        async with self._one:
            until = time.monotonic() + PATIENCE_S
            while self._live.count and time.monotonic() < until:  # one may begin before this hears that there was none
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._live.none.wait(), until - time.monotonic())
            async with self._step():
                yield

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """A step that may end the process: if it does, no other can have done it. One at a time."""
        self._open.clear()
        try:
            await self._all.none.wait()
            yield
        finally:
            self._open.set()

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        while not self._open.is_set():  # another may go alone before this hears that the last one has ended
            await self._open.wait()
        with self._all.one():
            yield
