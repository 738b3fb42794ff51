"""Reads timelines: follows them through outages without repeats, or takes one as it stands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from typing_extensions import Self

from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallStarted, TimelineEvent
from speakerline.shared.keys import CALLS, FIREHOSE, LAST_POSITION, check_call_id, meta_key, stage_key, stream_key
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.connection import connect, entry_id, is_outage, pairs
from speakerline.shared.timeline.parts import read_snapshot
from speakerline.shared.timeline.timeline import Timeline

BLOCK_MS = 1000
OUTAGE_PAUSE_S = 0.2
X = TypeVar("X")


class Subscriber:
    """Reads timelines from the Redis at `url`. `async with` closes its connections, and so does `aclose`.

    While Redis is away, `follow` and `follow_all` wait for it; every other method raises a redis error at once."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def follow(self, call_id: str, after: int = 0) -> AsyncIterator[TimelineEvent]:
        """Every event of a call whose `seq` is above `after`, in order and without repeats, as it is published.

        Waits for a call that has not started yet. Ends after CallEnded, or when the call is erased or has expired.
        Raises InvalidCallId."""
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
            exists = await self._answer_of(lambda: self.exists(call_id))
            if known and not exists:
                return
            known = exists

    async def follow_all(self, after: str = "$") -> AsyncIterator[tuple[str, TimelineEvent]]:
        """The events of all calls, each with its stream id; `after` is the id to resume after, `$` means from now on.

        Events of one call come in order. One may come twice after a crash: `Timeline.apply` ignores repeats."""
        last = after
        if last == "$":
            command = ("XREVRANGE", FIREHOSE, "+", "-", "COUNT", 1)
            newest = await self._answer_of(lambda: self._redis.execute_command(*command))
            last = newest[0][0].decode() if newest else "0-0"
        while True:
            for raw_id, flat in await self._read(FIREHOSE, last):
                last = raw_id.decode()
                yield last, codec.read(TIMELINE, pairs(flat)[b"event"])

    async def calls(self) -> list[CallStarted]:
        """The announcements of all calls that have not finished, oldest first."""
        entries = await self._redis.execute_command("XRANGE", CALLS, "-", "+")
        found = []
        for _, flat in entries:
            try:
                found.append(codec.read_call(pairs(flat).get(b"event", b"")))
            except codec.InvalidEvent:
                continue
        return found

    async def timeline(self, call_id: str) -> Timeline:
        """The call as it stands: follow it from `seq` to keep it current. `seq` is 0 where nothing is known of it.

        Readable while the call runs and for an hour after its end. Raises InvalidCallId."""
        flat = await self._redis.execute_command("HGETALL", stage_key(check_call_id(call_id), AGGREGATOR.name))
        parts = {name.decode()[5:]: value for name, value in flat.items() if name.startswith(b"part:")}
        snapshot = read_snapshot(parts)
        return Timeline.from_snapshot(snapshot) if snapshot.seq else Timeline(call_id)

    async def exists(self, call_id: str) -> bool:
        """Whether Redis holds the call: running, or finished and not yet expired. Raises InvalidCallId."""
        return bool(await self._redis.exists(meta_key(check_call_id(call_id))))

    async def _read(self, key: str, last: str) -> list[Any]:
        """The entries after `last`; empty after BLOCK_MS without any."""
        command = ("XREAD", "COUNT", 500, "BLOCK", BLOCK_MS, "STREAMS", key, last)
        replies = await self._answer_of(lambda: self._redis.execute_command(*command))
        return [entry for _, entries in replies or () for entry in entries]

    async def _answer_of(self, ask: Callable[[], Awaitable[X]]) -> X:
        """The answer of Redis; asks again through outages, however long they last."""
        while True:
            try:
                return await ask()
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(OUTAGE_PAUSE_S)
