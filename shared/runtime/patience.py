"""Reads the logs of calls that have been silent for a while, apart from the loop and with as few reads as can be.

A read of many logs costs Redis something for each of them, whether anything comes or not. So this one waits for long,
and those that are set apart meanwhile are in the next one: until then the loop reads them. An outage is told by the
loop, which meets it as well; here it is only waited for, so that a late answer is no outage for the calls that speak.
"""

import asyncio
from collections.abc import Awaitable, Callable

from redis.exceptions import ResponseError

from speakerline.shared.runtime.connection import Shard, is_cancelled, is_outage
from speakerline.shared.runtime.lobby import Lobby

WAIT_S = 4.0
"""Of one read, and for calls to be set apart."""
GATHER_S = 0.05
"""Before each read, so that calls that come to life together cost one read and not one each."""
PAUSE_S = 0.1
"""After one that failed."""


class Patience:
    """Of one shard of a worker. `stirred` is called where a call came to life."""

    def __init__(self, redis: Shard, lobby: Lobby, stirred: Callable[[], Awaitable[None]]) -> None:
        self._redis = redis
        self._lobby = lobby
        self._stirred = stirred

    async def read_forever(self) -> None:
        while True:
            try:
                await self.read()
                if self._lobby.stirred:
                    await self._stirred()
            except Exception as error:
                if not is_outage(error) or is_cancelled():
                    raise
                await asyncio.sleep(PAUSE_S)

    async def read(self) -> None:
        """One read."""
        await asyncio.sleep(GATHER_S)
        logs = self._lobby.set_apart()
        if not logs:
            await asyncio.sleep(WAIT_S)
            return
        command = ("XREAD", "COUNT", 1, "BLOCK", int(WAIT_S * 1000), "STREAMS", *logs.keys(), *logs.values())
        try:
            replies = await self._redis.execute_command(*command)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._lobby.look()  # finds the call whose log is no stream
        else:
            self._lobby.stir(key for key, entries in replies or () if entries)
