"""Reads timelines: follows them through outages and losses of Redis without repeats, or takes one as it stands.

shared read ──> the connection is a new one, the writer another, or nothing comes?
                  │ no                                          │ yes: is the last event still what it was?
                  v                                             ├─ yes ──> go on
                events                                          └─ no ───> the snapshot as an event, and on from there
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import itemgetter

from typing_extensions import Self

from speakerline.shared import codec
from speakerline.shared.client.merged import merged
from speakerline.shared.client.places import places_at
from speakerline.shared.client.shared_read import Position, SharedRead, through_outages
from speakerline.shared.contract.v1 import CallStarted, Snapshot, TimelineEvent
from speakerline.shared.keys import (
    CALLS,
    FIREHOSE,
    LAST_POSITION,
    check_call_id,
    forgotten_key,
    is_call_id,
    meta_key,
    shard_of,
    stage_key,
    stream_key,
)
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.connection import entry_id, is_outage, pairs
from speakerline.shared.timeline.parts import UnreadableTimeline
from speakerline.shared.timeline.place import Place, TimelineHole
from speakerline.shared.timeline.stored import StoredTimeline, epochs_of
from speakerline.shared.timeline.timeline import Timeline

CALLS_PAGE = 200
"""Announcements in one answer of Redis, as each may be large."""
MOST_CALLS = 10_000
"""So many calls `follow_all` remembers its place in, the latest; an ended one, too, for its end may be lost."""


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it lies in Redis: `json` is a TimelineEvent in protobuf's JSON mapping.

    late: whether whoever follows was so slow that its queue was full: this event and more had to be read anew."""

    seq: int
    epoch: str
    json: bytes
    sent_at: float = 0.0
    """When Redis took it, in seconds by its own clock; 0 for the call as it stands after a loss."""
    late: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The announcements of all calls that have not finished, oldest first; those on `away` are not among them.

    away: the numbers of shards that do not answer."""

    calls: list[CallStarted]
    away: list[int]


Announced = tuple[Position, CallStarted]


class Subscriber:
    """Reads timelines from the Redis at `url`, or from all shards. `async with` closes its connections, and so does
    `aclose`.

    One is enough for a process: all who follow share a connection, and may be thousands. While Redis is away, they
    wait for it; every other method raises a redis error at once. Raises ValueError for a URL of no Redis."""

    def __init__(self, url: str) -> None:
        self._reads = [SharedRead(address) for address in places_at(url)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        for read in self._reads:
            await read.aclose()

    def _of(self, call_id: str) -> SharedRead:
        """Where the call is. Raises InvalidCallId."""
        return self._reads[shard_of(check_call_id(call_id), len(self._reads))]

    async def follow(self, call_id: str, after: int = 0, epoch: str = "") -> AsyncIterator[TimelineEvent]:
        """Every event of a call whose `seq` is above `after`, in order and without repeats, as it is published.

        `epoch`: of the event `after`, as `Timeline.epoch` has it. Where that event is not there any more, or what was
        followed is lost, an event with `restarted` comes next: the call as it stands, instead of everything before.

        Waits for a call that has not started yet, or that Redis has lost. Ends after CallEnded, or with the call as it
        stands where it was corrected since, and where the call was erased, before or meanwhile: `erased` tells. Raises
        InvalidCallId."""
        async for told in self.follow_raw(call_id, after, epoch):
            event = codec.read(TIMELINE, told.json)
            event.epoch = told.epoch
            yield event

    async def follow_raw(self, call_id: str, after: int = 0, epoch: str = "") -> AsyncGenerator[RawEvent, None]:
        """The same without reading the events, to pass them on: what `follow` gives, as text."""
        read, place = self._of(call_id), Place(after, [epoch] if epoch else ())
        key, behind = stream_key(call_id, TIMELINE), 0
        async with read.follower(key, (place.seq, 0)) as follower:
            while True:
                entries = await follower.read()
                if not entries:
                    restarted = await self._restart(call_id, place)
                    if await through_outages(lambda: self.erased(call_id)):  # after that: it may have come meanwhile
                        return
                    if restarted:
                        follower.seek((place.seq, 0))
                        yield restarted
                for raw_id, flat in entries:
                    seq, fields = entry_id(raw_id)[0], pairs(flat)
                    if _epoch(flat) != place.epoch and (restarted := await self._restart(call_id, place)):
                        if await through_outages(lambda: self.erased(call_id)):
                            return
                        follower.seek((place.seq, 0))
                        yield restarted
                        break
                    if seq == LAST_POSITION:
                        if amended := await self._amended(call_id, place):
                            yield amended
                        return
                    late, behind = follower.fell_behind > behind, follower.fell_behind
                    place.move(seq, _epoch(flat))
                    yield RawEvent(seq, place.epoch, fields[b"event"], float(fields.get(b"sent_at", 0)), late)

    async def follow_all(self, after: str = "$", whole: bool = False) -> AsyncIterator[tuple[str, TimelineEvent]]:
        """The events of all calls, each with its stream id; `after` is the id to resume after, `$` means from now on.

        Events of one call come in order and without repeats. Where one is missing, or what came before it is lost, an
        event with `restarted` comes instead: the call as it stands. With `whole`, so does every call that has begun
        before, and calls that are gone are left out: a `Timeline` then takes every event.

        On several shards the id is that of the last event of each, with commas, and `after` one id for each, or one for
        all. A shard that is away comes when it answers; where it was at the beginning, `$` stands for it until then.
        Raises ValueError for another number of ids."""
        places = after.split(",") * (1 if "," in after else len(self._reads))
        if len(places) != len(self._reads):
            raise ValueError(f"{len(places)} ids for {len(self._reads)} shards: expected one, or one for each")
        places = await asyncio.gather(*map(self._beginning, self._reads, places))
        following = [self._follow_shard(read, place, whole) for read, place in zip(self._reads, places, strict=True)]
        async with aclosing(merged(following)) as events:
            async for number, (place, event) in events:
                places[number] = place
                if event:
                    yield ",".join(places), event

    async def _beginning(self, read: SharedRead, after: str) -> str:
        """The id to begin after; still `$` where the shard is away."""
        try:
            return await self._newest(read, "+") if after == "$" else after
        except Exception as error:
            if is_outage(error):
                return after
            raise

    async def _follow_shard(
        self, read: SharedRead, after: str, whole: bool
    ) -> AsyncGenerator[tuple[str, TimelineEvent | None], None]:
        """Each event with its id. Once without any where the beginning is known only now."""
        last = after
        if after == "$":
            last = await through_outages(partial(self._newest, read, "+"))
            yield last, None
        places: dict[str, Place] = {}
        async with read.follower(FIREHOSE, entry_id(last.encode())) as follower:
            while True:
                entries = await follower.read()
                if not entries and (there := await through_outages(partial(self._newest, read, last))) != last:
                    last = there
                    follower.seek(entry_id(last.encode()))
                for raw_id, flat in entries:
                    last, event = raw_id.decode(), _event(flat)
                    if event and (told := await self._told(event, places, whole)):
                        yield last, told
                    if len(places) > MOST_CALLS:
                        del places[next(iter(places))]

    async def _told(self, event: TimelineEvent, places: dict[str, Place], whole: bool) -> TimelineEvent | None:
        """The event, or what stands for it: nothing for a repeat, a snapshot where it does not go on from its place."""
        place = places.pop(event.call_id, None) or Place(0 if whole else event.seq - 1)
        places[event.call_id] = place  # as the latest
        try:
            return event if place.take(event) else None
        except TimelineHole:
            snapshot = await through_outages(lambda: self._readable(event.call_id))
        places[event.call_id] = Place(snapshot.seq, snapshot.epochs)
        if snapshot.seq:
            return _restarted(event.call_id, snapshot)
        del places[event.call_id]
        return None if whole else event

    async def calls(self) -> list[CallStarted]:
        """The announcements of all calls that have not finished, oldest first. Raises the outage of any shard."""
        return _oldest_first(await asyncio.gather(*map(self._announced, self._reads)))

    async def running(self, shards: Collection[int] = ()) -> Running:
        """The same, of those shards that answer, all or of some. Raises the outage where none answers."""
        asked = shards or range(len(self._reads))
        announced = (self._announced(self._reads[shard]) for shard in asked)
        found = dict(zip(asked, await asyncio.gather(*announced, return_exceptions=True), strict=True))
        failed = {shard: error for shard, error in found.items() if isinstance(error, BaseException)}
        for error in failed.values():
            if len(failed) == len(found) or not is_outage(error):
                raise error
        return Running(_oldest_first(one for one in found.values() if not isinstance(one, BaseException)), [*failed])

    async def _announced(self, read: SharedRead) -> list[Announced]:
        found, after = list[Announced](), "-"
        while page := await read.ask("XRANGE", CALLS, after, "+", "COUNT", CALLS_PAGE):
            for raw_id, flat in page:
                with suppress(codec.InvalidEvent):
                    found.append((entry_id(raw_id), codec.read_call(pairs(flat).get(b"event", b""))))
            after = f"({page[-1][0].decode()}"
        return found

    async def announcement(self, call_id: str) -> CallStarted | None:
        """Of a call that Redis holds, as its producer sent it. Raises InvalidCallId, InvalidEvent."""
        announced = await self._of(call_id).ask("HGET", meta_key(call_id), "call")
        return codec.read_call(announced) if announced else None

    async def timeline(self, call_id: str) -> Timeline:
        """The call as it stands: follow it after `seq` and `epoch` to keep it current; `seq` is 0 for an unknown call.

        Readable while the call runs and for an hour after its end. Raises InvalidCallId."""
        return Timeline.from_snapshot(await self.snapshot(call_id))

    async def snapshot(self, call_id: str) -> Snapshot:
        """What `timeline` is made of, as it is stored. Raises InvalidCallId, UnreadableTimeline."""
        stored = await self.stored(call_id)
        # In a thread: a call of hours takes some tenths of a second, in which others want their events.
        return await asyncio.to_thread(stored.snapshot)

    async def _readable(self, call_id: str) -> Snapshot:
        """The same; of a call whose timeline can't be read nothing, as where Redis has none."""
        try:
            return await self.snapshot(call_id)
        except UnreadableTimeline:
            return Snapshot()

    async def stored(self, call_id: str) -> StoredTimeline:
        """The same, unread. Raises InvalidCallId."""
        fields = await self._of(call_id).ask("HGETALL", stage_key(call_id, AGGREGATOR.name))
        return StoredTimeline.of_fields(call_id, fields)

    async def head(self, call_id: str) -> Snapshot:
        """The snapshot without its turns, words and other lists, and so without reading them. Raises InvalidCallId."""
        names = ("part:call", "part:head", "epochs")
        call, head, epochs = await self._of(call_id).ask("HMGET", stage_key(call_id, AGGREGATOR.name), *names)
        parts = {"call": call or b"{}", "head": head or b"{}"}
        return StoredTimeline(call_id, epochs_of(epochs), parts).head()

    async def exists(self, call_id: str) -> bool:
        """Whether Redis holds the call: running, or finished and not yet expired. Raises InvalidCallId."""
        return bool(await self._of(call_id).ask("EXISTS", meta_key(call_id)))

    async def erased(self, call_id: str) -> bool:
        """Whether the call was erased in the last day, and has not begun anew. Raises InvalidCallId."""
        return not await self.exists(call_id) and bool(await self._of(call_id).ask("EXISTS", forgotten_key(call_id)))

    async def _restart(self, call_id: str, place: Place) -> RawEvent | None:
        """The call as it stands, where what was followed is lost: `place` is then after that."""
        if await through_outages(partial(self._holds, call_id, place)):
            return None
        snapshot = await through_outages(lambda: self.snapshot(call_id))
        if (snapshot.seq, snapshot.epochs) == (place.seq, place.epochs):
            return None
        place.seq, place.epochs = snapshot.seq, snapshot.epochs
        return standing(snapshot)

    async def _amended(self, call_id: str, place: Place) -> RawEvent | None:
        """The call as it stands, where it was corrected after its end: those events are not in its own stream."""
        asked = partial(self._of(call_id).ask, "HGET", stage_key(call_id, AGGREGATOR.name), "amended")
        if not await through_outages(asked):
            return None
        snapshot = await through_outages(lambda: self.snapshot(call_id))
        if snapshot.seq <= place.seq:
            return None
        place.seq, place.epochs = snapshot.seq, snapshot.epochs
        return standing(snapshot)

    async def _holds(self, call_id: str, place: Place) -> bool:
        """Whether the event that was taken last is still there, and the same."""
        if not place.seq:
            return True
        key, last = stream_key(call_id, TIMELINE), f"{place.seq}-0"
        found = await self._of(call_id).ask("XRANGE", key, last, last)
        stored = _epoch(found[0][1]) if found else ""
        if found and not place.epoch:
            place.move(place.seq, stored)
        return bool(found) and (not stored or stored == place.epoch)

    async def _newest(self, read: SharedRead, before: str) -> str:
        """Id of the newest entry of a shard's firehose up to that one."""
        newest = await read.ask("XREVRANGE", FIREHOSE, before, "-", "COUNT", 1)
        return newest[0][0].decode() if newest else "0-0"


def _oldest_first(announced: Iterable[list[Announced]]) -> list[CallStarted]:
    """The calls of all shards together."""
    return [call for _, call in sorted(chain.from_iterable(announced), key=itemgetter(0))]


def _event(flat: list[bytes]) -> TimelineEvent | None:
    """None for what is no event of a call: one such entry must not take the others from who follows all calls."""
    try:
        event = codec.read(TIMELINE, pairs(flat).get(b"event", b""))
        event.epoch = _epoch(flat)
    except codec.InvalidEvent:
        return None
    return event if is_call_id(event.call_id) else None


def _epoch(flat: list[bytes]) -> str:
    """Of an entry; empty for the closing entry, and for what an older version wrote."""
    return pairs(flat).get(b"epoch", b"").decode(errors="replace")


def standing(snapshot: Snapshot) -> RawEvent:
    """The call as it stands, instead of all events before."""
    event = _restarted(snapshot.call_id, snapshot)
    return RawEvent(event.seq, event.epoch, codec.write(TIMELINE, event))


def _restarted(call_id: str, snapshot: Snapshot) -> TimelineEvent:
    epoch = snapshot.epochs[-1] if snapshot.epochs else ""
    return TimelineEvent(call_id, snapshot.seq, snapshot.at_ms, epoch=epoch, restarted=snapshot)
