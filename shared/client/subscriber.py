"""Reads timelines: follows them through outages and losses of Redis without repeats, or takes one as it stands.

XREAD ──> the connection is a new one, the writer another, or nothing comes?
            │ no                                          │ yes: is the last event still what it was?
            v                                             ├─ yes ──> go on
          events                                          └─ no ───> the snapshot as an event, and on from there
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from typing_extensions import Self

from speakerline.shared import codec
from speakerline.shared.contract.v1 import CallStarted, Snapshot, TimelineEvent
from speakerline.shared.keys import (
    CALLS,
    FIREHOSE,
    LAST_POSITION,
    check_call_id,
    forgotten_key,
    meta_key,
    stage_key,
    stream_key,
)
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.connection import connect, entry_id, is_cancelled, is_outage, pairs
from speakerline.shared.timeline.parts import read_snapshot
from speakerline.shared.timeline.place import Place, TimelineHole
from speakerline.shared.timeline.timeline import Timeline

BLOCK_MS = 1000
OUTAGE_PAUSE_S = 0.2
MOST_CALLS = 10_000
"""So many calls `follow_all` remembers its place in, the latest; an ended one, too, for its end may be lost."""
X = TypeVar("X")


class Subscriber:
    """Reads timelines from the Redis at `url`. `async with` closes its connections, and so does `aclose`.

    While Redis is away, `follow` and `follow_all` wait for it; every other method raises a redis error at once."""

    def __init__(self, url: str) -> None:
        self._connections = 0
        self._redis = connect(url, self._connected)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def follow(self, call_id: str, after: int = 0, epoch: str = "") -> AsyncIterator[TimelineEvent]:
        """Every event of a call whose `seq` is above `after`, in order and without repeats, as it is published.

        `epoch`: of the event `after`, as `Timeline.epoch` has it. Where that event is not there any more, or what was
        followed is lost, an event with `restarted` comes next: the call as it stands, instead of everything before.

        Waits for a call that has not started yet, or that Redis has lost. Ends after CallEnded, or when the call is
        erased. Raises InvalidCallId."""
        key, place = stream_key(check_call_id(call_id), TIMELINE), Place(after, [epoch] if epoch else ())
        known, checked = after > 0, 0
        while True:
            entries = await self._read(key, f"{place.seq}-0")
            connections = self._connections
            if not entries or checked != connections or _epoch(entries[0][1]) != place.epoch:
                if known and not entries and await self._answer_of(lambda: self._erased(call_id)):
                    return
                if not await self._answer_of(partial(self._holds, key, place)):
                    snapshot = await self._answer_of(lambda: self._snapshot(call_id))
                    if (snapshot.seq, snapshot.epochs) != (place.seq, place.epochs):
                        place = Place(snapshot.seq, snapshot.epochs)
                        yield _restarted(call_id, snapshot)
                        continue
                checked = connections
                known = known or bool(entries) or await self._answer_of(lambda: self.exists(call_id))
            for raw_id, flat in entries:
                if entry_id(raw_id)[0] == LAST_POSITION:
                    return
                event = _event(flat)
                place.move(event.seq, event.epoch)
                yield event

    async def follow_all(self, after: str = "$", whole: bool = False) -> AsyncIterator[tuple[str, TimelineEvent]]:
        """The events of all calls, each with its stream id; `after` is the id to resume after, `$` means from now on.

        Events of one call come in order and without repeats. Where one is missing, or what came before it is lost, an
        event with `restarted` comes instead: the call as it stands. With `whole`, so does every call that has begun
        before, and calls that are gone are left out: a `Timeline` then takes every event."""
        last, checked = after, 0
        if last == "$":
            last = await self._newest("+")
        places: dict[str, Place] = {}
        while True:
            entries, connections = await self._read(FIREHOSE, last), self._connections
            if checked != connections:
                checked = connections
                if (there := await self._newest(last)) != last:
                    last = there
                    continue
            for raw_id, flat in entries:
                last, event = raw_id.decode(), _event(flat)
                if told := await self._told(event, places, whole):
                    yield last, told
                if len(places) > MOST_CALLS:
                    del places[next(iter(places))]

    async def _told(self, event: TimelineEvent, places: dict[str, Place], whole: bool) -> TimelineEvent | None:
        """The event, or what stands for it: nothing for a repeat, a snapshot where it does not go on from its place."""
        place = places.setdefault(event.call_id, Place(0 if whole else event.seq - 1))
        try:
            return event if place.take(event) else None
        except TimelineHole:
            snapshot = await self._answer_of(lambda: self._snapshot(event.call_id))
        places[event.call_id] = Place(snapshot.seq, snapshot.epochs)
        if snapshot.seq:
            return _restarted(event.call_id, snapshot)
        del places[event.call_id]
        return None if whole else event

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
        """The call as it stands: follow it after `seq` and `epoch` to keep it current; `seq` is 0 for an unknown call.

        Readable while the call runs and for an hour after its end. Raises InvalidCallId."""
        return Timeline.from_snapshot(await self._snapshot(check_call_id(call_id)))

    async def exists(self, call_id: str) -> bool:
        """Whether Redis holds the call: running, or finished and not yet expired. Raises InvalidCallId."""
        return bool(await self._redis.exists(meta_key(check_call_id(call_id))))

    async def _snapshot(self, call_id: str) -> Snapshot:
        fields = await self._redis.execute_command("HGETALL", stage_key(call_id, AGGREGATOR.name))
        parts = {name.decode()[5:]: value for name, value in fields.items() if name.startswith(b"part:")}
        snapshot = read_snapshot(parts, lenient=True)
        snapshot.call_id = call_id
        snapshot.epochs = fields.get(b"epochs", b"").decode().split()
        return snapshot

    async def _holds(self, key: str, place: Place) -> bool:
        """Whether the event that was taken last is still there, and the same."""
        if not place.seq:
            return True
        found = await self._redis.execute_command("XRANGE", key, f"{place.seq}-0", f"{place.seq}-0")
        stored = _epoch(found[0][1]) if found else ""
        if found and not place.epoch:
            place.move(place.seq, stored)
        return bool(found) and (not stored or stored == place.epoch)

    async def _erased(self, call_id: str) -> bool:
        return not await self.exists(call_id) and bool(await self._redis.exists(forgotten_key(call_id)))

    async def _newest(self, before: str) -> str:
        """Id of the newest entry of the firehose up to that one."""
        command = ("XREVRANGE", FIREHOSE, before, "-", "COUNT", 1)
        newest = await self._answer_of(lambda: self._redis.execute_command(*command))
        return newest[0][0].decode() if newest else "0-0"

    def _connected(self) -> None:
        """A connection was made: it may lead to a Redis that has lost something."""
        self._connections += 1

    async def _read(self, key: str, last: str) -> list[Any]:
        """The entries after `last`; empty after BLOCK_MS without any."""
        command = ("XREAD", "COUNT", 500, "BLOCK", BLOCK_MS, "STREAMS", key, last)
        replies = await self._answer_of(lambda: self._redis.execute_command(*command))
        return [entry for _, entries in replies or () for entry in entries]

    async def _answer_of(self, ask: Callable[[], Awaitable[X]]) -> X:
        """The answer of Redis; asks again through outages, however long they last."""
        while not is_cancelled():
            try:
                return await ask()
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(OUTAGE_PAUSE_S)
        raise asyncio.CancelledError


def _event(flat: list[bytes]) -> TimelineEvent:
    event = codec.read(TIMELINE, pairs(flat)[b"event"])
    event.epoch = _epoch(flat)
    return event


def _epoch(flat: list[bytes]) -> str:
    """Of an entry; empty for the closing entry, and for what an older version wrote."""
    return pairs(flat).get(b"epoch", b"").decode()


def _restarted(call_id: str, snapshot: Snapshot) -> TimelineEvent:
    epoch = snapshot.epochs[-1] if snapshot.epochs else ""
    return TimelineEvent(call_id, snapshot.seq, snapshot.at_ms, epoch=epoch, restarted=snapshot)
