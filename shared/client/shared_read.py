"""One blocking read for everything that a process follows, however many follow.

                 ┌── it has all that is there ──> in the shared read: [ queue ] <──┐
    catches up ──┤                                                                 ├── one XREAD of all streams
        ^        └── a page more                  in the shared read: [ queue ] <──┘
        └─────────── its queue is full: it leaves the shared read, and its queue is dropped ◄──┘

A follower first reads by itself what is there after its position, in pages. Then it joins the shared read. One that is
too slow to empty its queue falls behind: it catches up from its own position again, so nothing is missed, and memory is
bounded. Where Redis may have lost what was read, each follower is told (by a read of nothing) and judges for itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from speakerline.shared.addresses import Address
from speakerline.shared.runtime.connection import connect, entry_id, is_cancelled, is_outage
from speakerline.shared.runtime.ending import end

X = TypeVar("X")
Entry = list[Any]
"""`[id, [field, value, ...]]` in bytes, as Redis answers."""
Position = tuple[int, int]
"""An entry id: `(1200, 3)` is 1200-3."""

PAGE = 500
"""Entries in a page, and at most of one stream in an answer of the shared read."""
LONGEST_QUEUE = 1000
"""Entries that wait for a follower; one that lets more come falls behind."""
ASKS = 6
"""Questions to Redis under way at a time, besides the shared read."""
BLOCK_MS = 100
"""The longest wait of a read, and so of who joins."""
LINGER_S = 0.01
"""Between two reads, so that many streams share an answer."""
QUIET_S = 1.0
"""A stream on which nothing came for so long is looked at, in case Redis has lost its end."""
OUTAGE_PAUSE_S = 0.2


async def through_outages(ask: Callable[[], Awaitable[X]]) -> X:
    """The answer of Redis; asks again through outages, however long they last."""
    while not is_cancelled():
        try:
            return await ask()
        except Exception as error:
            if not is_outage(error):
                raise
        await asyncio.sleep(OUTAGE_PAUSE_S)
    raise asyncio.CancelledError


class Follower:
    """Reads one stream from a position on: a place of its own in the shared read."""

    def __init__(self, read: "SharedRead", key: str, position: Position) -> None:
        self.key = key
        self.position = position
        self.fell_behind = 0
        """How many times its queue was full."""
        self._read = read
        self._queue: deque[Entry] = deque()
        self._told = asyncio.Event()
        self._joined = self._doubt = False
        self._failure: BaseException | None = None

    async def read(self) -> list[Entry]:
        """The entries after `position`, which moves on; waits for some.

        Of none: nothing is there yet, or Redis may have lost what was read. Raises redis errors that are no outage."""
        while self._joined:
            if self._doubt:
                self._doubt = False
                return []
            if entries := self._taken():
                return entries
            self._told.clear()
            await self._told.wait()
        if self._failure:
            raise self._failure
        page = await through_outages(lambda: self._read.page(self.key, self.position))
        self._move(page)
        if len(page) < PAGE:
            self._joined = True
            self._read.join(self)
        return page

    def seek(self, position: Position) -> None:
        """Read on from there."""
        self._leave()
        self.position = position

    def close(self) -> None:
        """Read no more."""
        self._leave()

    def push(self, entries: Collection[Entry]) -> None:
        """What the shared read gave."""
        if len(self._queue) + len(entries) > LONGEST_QUEUE:
            self.fell_behind += 1
            self._leave()
        else:
            self._queue += entries
        self._told.set()

    def doubt(self) -> None:
        """Redis may have lost what was read."""
        self._doubt = True
        self._told.set()

    def part(self, failure: BaseException | None = None) -> None:
        """The shared read has failed: read alone again, or fail, too."""
        self._failure = failure
        self._leave()
        self._told.set()

    def _taken(self) -> list[Entry]:
        """What waits, without repeats: the shared read goes back where somebody joins it who has read less."""
        entries = []
        while self._queue:
            entry = self._queue.popleft()
            if entry_id(entry[0]) > self.position:
                self._move([entry])
                entries.append(entry)
        return entries

    def _move(self, entries: list[Entry]) -> None:
        if entries:
            self.position = entry_id(entries[-1][0])

    def _leave(self) -> None:
        self._read.leave(self)
        self._joined = self._doubt = False
        self._queue.clear()


@dataclass(slots=True)
class _Stream:
    """One stream in the shared read. `newest`: the entry at `position`, where it is known."""

    position: Position
    followers: set[Follower] = field(default_factory=set)
    newest: Entry | None = None
    heard_at: float = field(default_factory=time.monotonic)


class SharedRead:
    """The connections of a process that follows streams of one shard: one that reads, some that ask."""

    def __init__(self, where: str | Address) -> None:
        self._reading = connect(where, self._connected)
        self._asking = connect(where)
        self._asks = asyncio.Semaphore(ASKS)
        self._streams: dict[str, _Stream] = {}
        self._task: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._task:
            await end([self._task])
        await self._reading.aclose()
        await self._asking.aclose()

    async def ask(self, command: str, key: str, *words: Any) -> Any:
        """The answer to one command about a key; waits while many others are asked."""
        async with self._asks:
            return await self._asking.execute_command(command, self._asking.key(key), *words)

    @asynccontextmanager
    async def follower(self, key: str, position: Position) -> AsyncIterator[Follower]:
        """Somebody who reads the stream from there on."""
        follower = Follower(self, key, position)
        try:
            yield follower
        finally:
            follower.close()

    async def page(self, key: str, position: Position) -> list[Entry]:
        """The first entries after the position."""
        return list(await self.ask("XRANGE", key, f"({position[0]}-{position[1]}", "+", "COUNT", PAGE) or ())

    def join(self, follower: Follower) -> None:
        """From now on the follower is given what comes after its position."""
        stream = self._streams.setdefault(follower.key, _Stream(follower.position))
        stream.followers.add(follower)
        if follower.position < stream.position:
            stream.position, stream.newest = follower.position, None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def leave(self, follower: Follower) -> None:
        """It is given nothing more."""
        stream = self._streams.get(follower.key)
        if stream and follower in stream.followers:
            stream.followers.remove(follower)
            if not stream.followers:
                del self._streams[follower.key]

    async def _run(self) -> None:
        """Read for as long as somebody follows."""
        while self._streams:
            try:
                await through_outages(self._round)
            except Exception as error:
                # A key that is no stream fails the read of all. Whoever follows it is told so when it reads alone.
                self._part(None if "WRONGTYPE" in str(error) else error)

    async def _round(self) -> None:
        after = {key: stream.position for key, stream in self._streams.items()}
        ids = [f"{first}-{second}" for first, second in after.values()]
        words = ("COUNT", PAGE, "BLOCK", BLOCK_MS, "STREAMS", *map(self._reading.key, after), *ids)
        replies = await self._reading.execute_command("XREAD", *words)
        for raw_key, entries in replies or ():
            key = raw_key.decode().removeprefix(self._reading.prefix)
            stream = self._streams.get(key)
            if not entries:  # an erasure wrote the stream anew
                continue
            if stream and stream.position == after[key]:  # nobody who has read less has joined meanwhile
                stream.newest, stream.heard_at = entries[-1], time.monotonic()
                stream.position = entry_id(entries[-1][0])
                for follower in [*stream.followers]:
                    follower.push(entries)
        await self._look_at_quiet()
        if replies:
            await asyncio.sleep(LINGER_S)

    async def _look_at_quiet(self) -> None:
        """Whether the last entries are still the last ones; who has not seen any looks for itself."""
        until = time.monotonic() - QUIET_S
        quiet = [(key, stream) for key, stream in self._streams.items() if stream.heard_at < until]
        if not quiet:
            return
        looking = self._reading.pipeline(transaction=False)
        for key, _ in quiet:
            looking.execute_command("XREVRANGE", self._reading.key(key), "+", "-", "COUNT", 1)
        for (_, stream), answer in zip(quiet, await looking.execute(), strict=True):
            stream.heard_at = time.monotonic()
            newest = answer[0] if answer else None
            if newest and stream.newest is None and entry_id(newest[0]) == stream.position:
                stream.newest = newest
            elif newest is None or newest != stream.newest:
                self._doubt(stream)

    def _connected(self) -> None:
        """A connection was made: it may lead to a Redis that has lost something."""
        for stream in self._streams.values():
            self._doubt(stream)

    def _doubt(self, stream: _Stream) -> None:
        for follower in stream.followers:
            follower.doubt()

    def _part(self, failure: BaseException | None) -> None:
        for stream in [*self._streams.values()]:
            for follower in [*stream.followers]:
                follower.part(failure)
