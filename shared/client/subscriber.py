"""Follows timelines: from the beginning, from a sequence number, or from now; through outages, without a repeat."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallStarted, TimelineEvent
from speakerline.shared.keys import CALLS, FIREHOSE, LAST_POSITION, check_call_id, meta_key, stage_key, stream_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.connection import connect, entry_id, is_outage, pairs

BLOCK_MS = 1000
OUTAGE_PAUSE_S = 0.2
X = TypeVar("X")


class Subscriber:
    """A reader of timelines; holds one connection pool."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def follow(self, call_id: str, after: int = 0) -> AsyncIterator[TimelineEvent]:
        """Every event with a `seq` above `after`, as it comes. Waits for a call that is not there yet.

        Ends after CallEnded, or when a call that was there is erased or has expired."""
        key, last, known = stream_key(check_call_id(call_id), TIMELINE), f"{after}-0", False
        while True:
            entries = await self._read(key, last)
            for raw_id, flat in entries:
                if entry_id(raw_id)[0] == LAST_POSITION:
                    return
                last = raw_id.decode()
                yield codec.read(TIMELINE, pairs(flat)[b"event"])
            if entries:
                known = True
                continue
            exists = await self._outlive(lambda: self.exists(call_id))
            if known and not exists:
                return
            known = exists

    async def follow_all(self, after: str = "$") -> AsyncIterator[tuple[str, TimelineEvent]]:
        """The firehose: every event of every call from now on, each with the id to resume after. At least once."""
        last = after
        if last == "$":
            command = ("XREVRANGE", FIREHOSE, "+", "-", "COUNT", 1)
            newest = await self._outlive(lambda: self._redis.execute_command(*command))
            last = newest[0][0].decode() if newest else "0-0"
        while True:
            for raw_id, flat in await self._read(FIREHOSE, last):
                last = raw_id.decode()
                yield last, codec.read(TIMELINE, pairs(flat)[b"event"])

    async def calls(self) -> list[CallStarted]:
        """Calls that are announced and not finished, oldest first."""
        entries = await self._redis.execute_command("XRANGE", CALLS, "-", "+")
        found = []
        for _, flat in entries:
            try:
                found.append(codec.read_call(pairs(flat).get(b"event", b"")))
            except codec.InvalidEvent:
                continue
        return found

    async def aggregator_parts(self, call_id: str) -> dict[str, bytes]:
        """The aggregator's committed state of a call, empty for an unknown one: what a snapshot is made of."""
        flat = await self._redis.execute_command("HGETALL", stage_key(check_call_id(call_id), AGGREGATOR.name))
        return {name.decode()[5:]: value for name, value in flat.items() if name.startswith(b"part:")}

    async def exists(self, call_id: str) -> bool:
        return bool(await self._redis.exists(meta_key(check_call_id(call_id))))

    async def _read(self, key: str, last: str) -> list[Any]:
        """The entries after `last`; none where nothing came for a while."""
        command = ("XREAD", "COUNT", 500, "BLOCK", BLOCK_MS, "STREAMS", key, last)
        replies = await self._outlive(lambda: self._redis.execute_command(*command))
        return [entry for _, entries in replies or () for entry in entries]

    async def _outlive(self, ask: Callable[[], Awaitable[X]]) -> X:
        """What Redis answers, however long it is away."""
        while True:
            try:
                return await ask()
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(OUTAGE_PAUSE_S)
