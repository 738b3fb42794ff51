"""Reads the logs of calls that have been silent for a while, apart from the loop and with as few reads as can be.

    loop             the newest             ──read──read──read──read──read──read──
    first reader     silent for a while     ──read──────────────read──────────────
    second           silent for long        ──read────────────────────────────────

A read of many logs costs Redis something for each of them, whether anything comes or not. So the readers wait long,
and what is set apart for one meanwhile is in its next read: until then the one before it reads it. An outage is told
by the loop, which meets it as well; here it is only waited for, so that a late answer is none for the calls that speak.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from redis.exceptions import ResponseError

from speakerline.shared.runtime.connection import SOCKET_TIMEOUT_S, Shard, is_cancelled, is_outage
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.lobby import Lobby

GATHER_S = 0.05
"""Before each read, so that calls that come to life together cost one read and not one each."""
PAUSE_S = 0.1
"""After one that failed."""


@dataclass(frozen=True, slots=True)
class Reader:
    """`silent_s`: of whose calls it reads. `wait_s`: of one read, and for calls to be set apart."""

    number: int
    silent_s: float
    wait_s: float


READERS = (Reader(1, 0.0, 4.0), Reader(2, 60.0, 30.0))
TIMEOUT_S = READERS[-1].wait_s + SOCKET_TIMEOUT_S
"""Of the client that they read with."""


class Patience:
    """One reader, of one shard of a worker. `redis`: a client that waits for TIMEOUT_S. `stirred` is called where a
    call came to life."""

    def __init__(self, redis: Shard, lobby: Lobby, reader: Reader, stirred: Callable[[], Awaitable[None]]) -> None:
        self._redis = redis
        self._lobby = lobby
        self._reader = reader
        self._stirred = stirred
        self._reading: asyncio.Task[None] | None = None

    async def read_forever(self) -> None:
        try:
            while True:
                await self._read_once()
        finally:
            await end([self._reading] if self._reading else [])

    def restart(self) -> None:
        """After an outage, of which the read at hand may not hear."""
        if self._reading:
            self._reading.cancel()

    async def _read_once(self) -> None:
        self._reading = asyncio.create_task(self.read())
        try:
            await asyncio.wait([self._reading])
            with suppress(asyncio.CancelledError):
                self._reading.result()
            if self._lobby.stirred:
                await self._stirred()
        except Exception as error:
            if not is_outage(error) or is_cancelled():
                raise
            await asyncio.sleep(PAUSE_S)

    async def read(self) -> None:
        """One read."""
        await asyncio.sleep(GATHER_S)
        logs = self._lobby.set_apart(self._reader.number, self._reader.silent_s)
        if not logs:
            await asyncio.sleep(self._reader.wait_s)
            return
        block_ms = int(self._reader.wait_s * 1000)
        command = ("XREAD", "COUNT", 1, "BLOCK", block_ms, "STREAMS", *logs.keys(), *logs.values())
        try:
            replies = await self._redis.execute_command(*command)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._lobby.look()  # finds the call whose log is no stream
        else:
            self._lobby.stir(key for key, entries in replies or () if entries)
