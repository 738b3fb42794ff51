"""The rows of all calls, by one reader of the firehose; who looks is told each second which have changed.

    firehose ──> rows ──once a second──> changes of a tenant, as one text ──> everybody of that tenant who looks

It reads while somebody looks. A reader that has missed more than the last changes is given all rows again. While a
shard is away, its rows stay as they were and say so, and those of others go on.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from speakerline.services.gateway.reach import Reach
from speakerline.services.gateway.wallboard.row import Row
from speakerline.shared.client.shared_read import through_outages
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import CallStarted, TimelineEvent
from speakerline.shared.failures import told
from speakerline.shared.keys import shard_of
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import is_outage
from speakerline.shared.runtime.ending import end
from speakerline.shared.timeline.parts import UnreadableTimeline

TICK_S = 1.0
KEPT_TICKS = 8
ENDED_S = 60.0
"""How long the row of an ended call stays."""
QUIET_S = 30.0
"""A call without an event for so long may have been erased: it is looked at."""
FIRST_S = 1.5
"""How long the first rows wait for all shards: longer than it takes to notice that one is away."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened in a second. gone: tenants and ids of calls. away: the shards, if that has changed."""

    rows: list[Row]
    gone: list[tuple[str, str]]
    away: list[int] | None


class Board:
    """`changes` for each who looks: `{"whole": true, "rows": [...]}`, and then `{"rows": [...], "gone": [...]}`.

    Both with `away`, the numbers of shards, and `shards`, their count: where some are away, and when that changes."""

    def __init__(self, subscriber: Subscriber, reach: Reach, log: Log) -> None:
        self._subscriber, self._reach, self._log = subscriber, reach, log
        self._rows: dict[str, Row] = {}
        self._heard_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._gone: list[tuple[str, str]] = []
        self._away: list[int] = []
        self._told_away: list[int] = []
        self._ticks: deque[Change] = deque(maxlen=KEPT_TICKS)
        self._number = 0
        self._turned = asyncio.Condition()
        self._looking = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def changes(self, tenant: str) -> AsyncGenerator[bytes, None]:
        """All rows of the tenant, and then each second those that have changed, until closed."""
        self._looking += 1
        try:
            if self._looking == 1:
                await self._start()
            number = self._number
            yield self._whole(tenant)
            while True:
                async with self._turned:
                    await self._turned.wait_for(partial(self._is_past, number))
                missed, number = self._number - number, self._number
                if missed > len(self._ticks):
                    yield self._whole(tenant)
                elif text := self._text(tenant, [*self._ticks][-missed:]):
                    yield text
        finally:
            self._looking -= 1
            if not self._looking:
                await self._stop()

    def _is_past(self, number: int) -> bool:
        return self._number > number

    async def _start(self) -> None:
        """What runs now is shown at once, also where nothing happens in it."""
        works = (self._read, self._tick, self._look_at_quiet, self._look_at_shards)
        beginnings = [asyncio.create_task(self._begin(shard)) for shard in range(self._reach.shards)]
        self._tasks = [*beginnings, *(asyncio.create_task(self._keep(work)) for work in works)]
        await asyncio.wait(beginnings, timeout=FIRST_S)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        await end(tasks)
        self._rows.clear()
        self._heard_at.clear()
        self._away, self._told_away = [], []

    async def _begin(self, shard: int) -> None:
        """Rows of the calls that run there, as soon as it answers."""
        try:
            running = await through_outages(partial(self._subscriber.running, [shard]))
            for call in running.calls:
                begun = await self._as_it_stands(call)
                if call.call_id not in self._rows:
                    self._take(begun)
        except Exception as error:
            self._log.error("the wallboard lacks calls that ran before", shard=shard, error=told(error))

    async def _as_it_stands(self, call: CallStarted) -> TimelineEvent:
        """No more than that it began, where it has no events yet, or none that can be read."""
        with suppress(UnreadableTimeline):
            snapshot = await through_outages(partial(self._subscriber.snapshot, call.call_id))
            if snapshot.seq:
                return TimelineEvent(call.call_id, restarted=snapshot)
        return TimelineEvent(call.call_id, call_started=call)

    async def _keep(self, work: Any) -> None:
        while True:
            try:
                await work()
            except Exception as error:
                self._log.error("the wallboard begins anew", error=told(error))
            await asyncio.sleep(TICK_S)

    async def _read(self) -> None:
        async for _, event in self._subscriber.follow_all(whole=True):
            self._take(event)

    def _take(self, event: TimelineEvent) -> None:
        if event.restarted:
            self._rows[event.call_id] = Row.from_snapshot(event.restarted)
        else:
            self._rows.setdefault(event.call_id, Row(event.call_id)).take(event)
        self._heard_at[event.call_id] = time.monotonic()
        self._changed.add(event.call_id)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for call_id in [one for one, row in self._rows.items() if row.ended and self._silent_s(one) > ENDED_S]:
                self._drop(call_id)
            rows = [self._rows[call_id] for call_id in sorted(self._changed & self._rows.keys())]
            away = self._away if self._away != self._told_away else None
            self._ticks.append(Change(rows, self._gone, away))
            self._changed, self._gone, self._told_away = set(), [], self._away
            async with self._turned:
                self._number += 1
                self._turned.notify_all()

    async def _look_at_quiet(self) -> None:
        running = [call_id for call_id, row in self._rows.items() if not row.ended and not row.away]
        for call_id in [one for one in running if self._silent_s(one) > QUIET_S]:
            try:
                there = await self._subscriber.exists(call_id)
            except Exception as error:
                if not is_outage(error):
                    raise
                continue
            if there:
                self._heard_at[call_id] = time.monotonic()
            else:
                self._drop(call_id)

    async def _look_at_shards(self) -> None:
        away = [*await self._reach.problems()]
        if away == self._away:
            return
        self._away = away
        for call_id, row in self._rows.items():
            if row.away != (shard_of(call_id, self._reach.shards) in away):
                row.away = not row.away
                self._changed.add(call_id)

    def _silent_s(self, call_id: str) -> float:
        return time.monotonic() - self._heard_at[call_id]

    def _drop(self, call_id: str) -> None:
        if row := self._rows.pop(call_id, None):
            self._heard_at.pop(call_id)
            self._gone.append((row.tenant, row.shown()["call_id"]))

    def _whole(self, tenant: str) -> bytes:
        rows = _shown(tenant, self._rows.values())
        return _json({"whole": True, "rows": rows} | self._told(self._away or None))

    def _text(self, tenant: str, ticks: Iterable[Change]) -> bytes:
        """Empty where nothing of the tenant has changed."""
        rows: dict[int, Row] = {}
        gone, away = [], None
        for change in ticks:
            rows |= {id(row): row for row in change.rows}
            gone += [call_id for owner, call_id in change.gone if owner == tenant]
            away = away if change.away is None else change.away
        found: dict[str, Any] = {"rows": _shown(tenant, rows.values()), "gone": gone}
        found = {name: value for name, value in found.items() if value} | self._told(away)
        return _json(found) if found else b""

    def _told(self, away: list[int] | None) -> dict[str, Any]:
        return {} if away is None else {"away": away, "shards": self._reach.shards}


def _shown(tenant: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [row.shown() for row in rows if row.tenant == tenant]


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
