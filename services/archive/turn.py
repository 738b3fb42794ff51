"""What one writer of the archive does, round after round, and what it has in memory.

A round: a page of events, erasures that were asked for, snapshots of calls with a hole, and, every WRITE_EVERY_S, one
transaction with all that has changed and the position of the firehose.
"""

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from speakerline.services.archive.erasing import RemoveFiles, erase, left_by
from speakerline.services.archive.folding import Folding
from speakerline.services.archive.hand import Hand
from speakerline.services.archive.indexing import Indexing
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.source import PAGE, FirehoseEntry, Source, Standing, after
from speakerline.services.archive.store import Store
from speakerline.shared.archive.database import is_away
from speakerline.shared.archive.sound import SoundAway
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import entry_id
from speakerline.shared.timeline.parts import UnreadableTimeline

WRITE_EVERY_S = 0.5
WRITE_PARTS, LONGEST_S = 4, 5.0
"""Writing takes no more than one part in so many of the time, as long as events wait no longer than this: what many
events of a call cost is little more than what one does."""
LINGER_S = 0.1
"""Pause after a page that was not full, so that events come in heaps."""
RELEASE_EVERY_S = 2.0
ERASE_AGAIN_S = 5.0
"""After an erasure that its sound has stopped."""
MOST_AT_ONCE = 100
"""Snapshots in one transaction."""


class Turn:
    """From `position` of the firehose on; `erased`: as Hand takes it. Raises what Redis and the database raise."""

    def __init__(
        self, source: Source, store: Store, position: str, erased: dict[str, str], metrics: ArchiveMetrics, log: Log
    ) -> None:
        self._source, self._store, self._metrics, self._log = source, store, metrics, log
        self._hand, self._indexing = Hand(erased), Indexing()
        self._read = self.written = position
        """Of the firehose, in memory and in the database."""
        self._wrote_at = self._released_at = self._erase_from = 0.0
        self._every_s = WRITE_EVERY_S
        self._through_at = source.clock.now()
        """Everything that was published before is in the database; a second by the clock of Redis."""

    @property
    def lag_s(self) -> float:
        """Age of the oldest event that is not in the database."""
        return max(0.0, self._source.clock.now() - self._through_at)

    @property
    def in_hand(self) -> int:
        """Calls in memory."""
        return len(self._hand.calls)

    async def begin(self) -> None:
        """Where the firehose does not reach back to where we were, look at every call that Redis has."""
        await self._source.time_ms()
        self._through_at = entry_id(self.written.encode())[0] / 1000 or self._source.clock.now()
        if after(await self._source.oldest() or self._read, self._read) or not await self._source.oldest():
            await self._look_at_all()

    async def round(self, remove_files: RemoveFiles, recording: asyncio.Lock) -> None:
        """`recording`: held by who writes files of sound."""
        asked_at = self._source.clock.now()
        oldest = await self._source.oldest()
        entries = await self._source.page(self._read, self._wait_s())
        await self._take(entries)
        if time.monotonic() >= self._erase_from:
            await self._erase_all(remove_files, recording)
        for call_id in list(self._hand.doubtful):
            await self._mend(call_id)
        if len(entries) == PAGE and oldest and after(oldest, self.written):
            await self._look_at_all()
        if time.monotonic() - self._wrote_at >= self._every_s:
            await self.write()
        if time.monotonic() - self._released_at >= RELEASE_EVERY_S:
            await self._release()
        if not entries and not self._hand.changed():
            self._through_at = asked_at
        if len(entries) < PAGE:
            await asyncio.sleep(LINGER_S)

    async def write(self) -> None:
        """One transaction: the calls that have changed, and how far the firehose was read."""
        changed = self._hand.changed()
        if not changed and self._read == self.written:
            return
        index, refused = self._indexing.due(changed), list[Folding]()
        started = time.monotonic()
        try:
            rows = await asyncio.to_thread(self._store.write, changed, self._read, index)
        except DBAPIError as error:
            if is_away(error):
                raise
            rows, refused = await self._write_one_by_one(changed)
        took_s = time.monotonic() - started
        self._every_s = pause_after(took_s)
        self._metrics.write.observe(took_s)
        self._metrics.rows.inc(rows)
        self._indexing.done([folding for folding in index if folding not in refused])
        self._hand.refused(refused)
        self._hand.written([folding for folding in changed if folding not in refused])
        self.written, self._wrote_at = self._read, time.monotonic()
        self._through_at = max(self._through_at, entry_id(self._read.encode())[0] / 1000)

    async def _write_one_by_one(self, changed: Sequence[Folding]) -> tuple[int, list[Folding]]:
        """One of them is nothing that the database takes: the others are written without it. Gives the rows, and what
        was refused."""
        rows, refused = 0, list[Folding]()
        for folding in changed:
            try:
                rows += await asyncio.to_thread(self._store.write, [folding], self.written, [folding])
            except DBAPIError as error:
                if is_away(error):
                    raise
                self._metrics.errors.labels("call").inc()
                self._log.error("call is not archived", call_id=folding.call_id, error=told(error))
                refused.append(folding)
        return rows + await asyncio.to_thread(self._store.write, [], self._read, []), refused

    async def _take(self, entries: Sequence[FirehoseEntry]) -> None:
        await self._load(self._hand.unknown(entries))
        for entry in entries:
            self._hand.take(entry)
            self._read = entry.id
        self._metrics.events.inc(len(entries))

    async def _load(self, call_ids: Sequence[str]) -> None:
        """Have what the database has of them in memory."""
        missing = [call_id for call_id in call_ids if call_id not in self._hand.calls]
        for call_id, folding in (await asyncio.to_thread(_loaded, self._store, missing)).items():
            if folding:
                self._hand.calls[call_id] = folding

    async def _mend(self, call_id: str) -> None:
        try:
            standing = await self._source.standing(call_id)
        except UnreadableTimeline as error:
            self._metrics.errors.labels("call").inc()
            self._log.error("events are missing for good", call_id=call_id, error=str(error))
            standing = Standing(Snapshot(), {}, 0, await self._source.newest())
        became = self._hand.mend(call_id, standing)
        if became == "snapshot":
            self._metrics.snapshots.inc()
        elif became == "lost":
            self._metrics.lost.inc()
        self._log.info("events were missing", call_id=call_id, found=became)

    async def _look_at_all(self) -> None:
        """Events are gone from the firehose: take the calls that Redis has otherwise than we, and give up those that it
        has no more, for no end of them will come."""
        there: set[str] = set()
        self._log.info("the firehose does not reach back: looking at all calls", position=self.written)
        async for states in self._source.calls():
            there |= states.keys()
            known = await asyncio.to_thread(self._store.state_of, list(states))
            await self._mend_all([call_id for call_id, state in states.items() if known.get(call_id) != state])
        unfinished = await asyncio.to_thread(self._store.unfinished)
        gone = [call_id for call_id in unfinished if call_id not in there and not await self._source.exists(call_id)]
        await self._mend_all(gone)

    async def _mend_all(self, call_ids: Sequence[str]) -> None:
        for first in range(0, len(call_ids), MOST_AT_ONCE):
            some = call_ids[first : first + MOST_AT_ONCE]
            await self._load(some)
            for call_id in some:
                await self._mend(call_id)
            await self.write()

    async def _erase_all(self, remove_files: RemoveFiles, recording: asyncio.Lock) -> None:
        """What was asked for. While its sound can't be reached, nothing of a call is erased, and all else goes on."""
        for call_id, (position, late) in (await self._source.erasures()).items():
            try:
                async with recording:
                    count = await self._erase(call_id, position, remove_files)
            except SoundAway as error:
                self._metrics.errors.labels("sound").inc()
                self._log.warning("a call is not erased yet", call_id=call_id, error=str(error))
                self._erase_from = time.monotonic() + ERASE_AGAIN_S
            else:
                await self._source.erased(call_id, count, left_by(self._store) if count else "", late)

    async def _erase(self, call_id: str, position: str, remove_files: RemoveFiles) -> int:
        self._hand.forget(call_id, position)
        count = await asyncio.to_thread(erase, self._store, call_id, position, remove_files)
        self._metrics.erased.inc(count)
        self._log.info("call erased", call_id=call_id, archived=count)
        return count

    async def _release(self) -> None:
        """Let Redis let go of what has ended and is written."""
        over = await asyncio.to_thread(self._store.unreleased)
        if released := [one for one, call_id, channels in over if await self._source.release(call_id, channels)]:
            await asyncio.to_thread(self._store.release, released)
        self._released_at = time.monotonic()

    def _wait_s(self) -> float:
        """How long a page may wait for its first event."""
        if not self._hand.changed():
            return WRITE_EVERY_S
        return max(0.0, self._wrote_at + self._every_s - time.monotonic())


def pause_after(took_s: float) -> float:
    """Seconds from a transaction that took so long to the next one."""
    return min(max(WRITE_EVERY_S, WRITE_PARTS * took_s), LONGEST_S)


def _loaded(store: Store, call_ids: Sequence[str]) -> dict[str, Folding | None]:
    return {call_id: store.load(call_id) for call_id in call_ids}
