"""The rows of all calls, by one reader of the firehose; who looks is told each second which have changed.

    firehose ──> rows ──once a second──> changes of a tenant, as one text ──> everybody of that tenant who looks

It reads while somebody looks. A reader that has missed more than the last changes is given all rows again.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from functools import partial
from typing import Any

from speakerline.services.gateway.wallboard.row import Row
from speakerline.shared.client.shared_read import through_outages
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.ending import end

TICK_S = 1.0
KEPT_TICKS = 8
ENDED_S = 60.0
"""How long the row of an ended call stays."""
QUIET_S = 30.0
"""A call without an event for so long may have been erased: it is looked at."""


class Board:
    """`changes` for each who looks: `{"whole": true, "rows": [...]}`, and then `{"rows": [...], "gone": [...]}`."""

    def __init__(self, subscriber: Subscriber, log: Log) -> None:
        self._subscriber, self._log = subscriber, log
        self._rows: dict[str, Row] = {}
        self._heard_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._gone: list[tuple[str, str]] = []
        self._ticks: deque[tuple[list[Row], list[tuple[str, str]]]] = deque(maxlen=KEPT_TICKS)
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
        self._tasks = [asyncio.create_task(self._keep(work)) for work in (self._read, self._tick, self._look_at_quiet)]
        for call in await through_outages(self._subscriber.calls):
            snapshot = await through_outages(partial(self._subscriber.snapshot, call.call_id))
            if call.call_id not in self._rows:
                begun = TimelineEvent(call.call_id, restarted=snapshot) if snapshot.seq else None
                self._take(begun or TimelineEvent(call.call_id, call_started=call))

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        await end(tasks)
        self._rows.clear()
        self._heard_at.clear()

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
            self._ticks.append((rows, self._gone))
            self._changed, self._gone = set(), []
            async with self._turned:
                self._number += 1
                self._turned.notify_all()

    async def _look_at_quiet(self) -> None:
        for call_id in [one for one, row in self._rows.items() if not row.ended and self._silent_s(one) > QUIET_S]:
            if await through_outages(partial(self._subscriber.exists, call_id)):
                self._heard_at[call_id] = time.monotonic()
            else:
                self._drop(call_id)

    def _silent_s(self, call_id: str) -> float:
        return time.monotonic() - self._heard_at[call_id]

    def _drop(self, call_id: str) -> None:
        if row := self._rows.pop(call_id, None):
            self._heard_at.pop(call_id)
            self._gone.append((row.tenant, row.shown()["call_id"]))

    def _whole(self, tenant: str) -> bytes:
        return _json({"whole": True, "rows": _shown(tenant, self._rows.values())})

    def _text(self, tenant: str, ticks: Iterable[tuple[list[Row], list[tuple[str, str]]]]) -> bytes:
        """Empty where nothing of the tenant has changed."""
        rows: dict[int, Row] = {}
        gone = []
        for changed, dropped in ticks:
            rows |= {id(row): row for row in changed}
            gone += [call_id for owner, call_id in dropped if owner == tenant]
        found: dict[str, Any] = {"rows": _shown(tenant, rows.values()), "gone": gone}
        return _json({name: value for name, value in found.items() if value}) if any(found.values()) else b""


def _shown(tenant: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [row.shown() for row in rows if row.tenant == tenant]


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
