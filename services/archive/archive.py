"""The work of the archive: one writer at a time follows the firehose, and puts into the database what comes of it.

    wait for the turn ──> migrate, take over ──> calls that ended unseen ──> round after round
         ^                                                                        │
         └──── forget what is in memory <── another writes, or something is away ─┘

Nothing in memory matters: whatever fails, the next turn begins from what is committed.
"""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.recorder import Recorder
from speakerline.services.archive.retention import Limits, expire
from speakerline.services.archive.sound_rows import SoundRows
from speakerline.services.archive.source import Source
from speakerline.services.archive.store import NotOurs, Store
from speakerline.services.archive.turn import Turn
from speakerline.services.archive.writer_lock import WriterLock
from speakerline.shared.archive.database import is_away, migrate
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.runtime.ending import end

TELL_EVERY_S = 1.0
EXPIRE_EVERY_S = 600.0
PAUSE_S = 1.0
"""After a failure, and between two looks at whether it is our turn."""


class Archive:
    """Follows the firehose until `stop`. `wait_s`: how long ended calls stay in Redis for an archive that is away.
    `folder`: where sound is, if it is recorded. `limits`: how long what is kept."""

    def __init__(
        self,
        redis: Shard,
        store: Store,
        metrics: ArchiveMetrics,
        wait_s: int,
        limits: Limits,
        folder: SoundFolder | None,
        log: Log,
    ) -> None:
        self._redis, self._source, self._store, self._folder = redis, Source(redis), store, folder
        self.problem = "has not begun"
        """Why it can't work now; empty where it can."""
        self._metrics, self._wait_s, self._limits, self._log = metrics, wait_s, limits, log
        self._recording = asyncio.Lock()
        self._lock = WriterLock(store.engine)
        self._stopping = asyncio.Event()
        self._turn: Turn | None = None
        metrics.watch_lag(lambda: self._turn.lag_s if self._turn else 0.0)

    def stop(self) -> None:
        """End after the round at hand; what was read is written."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`. Raises what is no outage."""
        try:
            while not self._stopping.is_set():
                if not self._lock.held and not await self._is_our_turn():
                    await self._pause()
                    continue
                try:
                    await self._follow()
                except (NotOurs, RedisError, OSError, DBAPIError) as error:
                    self._note(error)
                    await self._pause()
        finally:
            await asyncio.to_thread(self._lock.release)

    async def _is_our_turn(self) -> bool:
        try:
            ours = await asyncio.to_thread(self._lock.acquire)
        except DBAPIError as error:
            self._note(error)
            return False
        if not ours:
            self.problem, self._turn = "", None  # another one writes: this one is ready to
        return ours

    async def _follow(self) -> None:
        """Round after round, from what is committed."""
        await asyncio.to_thread(migrate, self._store.engine)
        position = await asyncio.to_thread(self._store.take_over)
        erased = await asyncio.to_thread(self._store.erased)
        turn = self._turn = Turn(self._source, self._store, position, erased, self._metrics, self._log)
        self._metrics.writes.set(1)
        self._log.info("writes the archive", position=position)
        beside = [asyncio.create_task(self._tell(turn))]
        if self._folder:
            rows = SoundRows(self._store)
            recorder = Recorder(self._redis, rows, self._folder, self._recording, self._metrics, self._log)
            beside.append(asyncio.create_task(recorder.run()))
        try:
            await turn.begin()
            self.problem = ""
            expired_at = 0.0
            while not self._stopping.is_set():
                await turn.round(self._remove_folders, self._recording)
                if time.monotonic() - expired_at >= EXPIRE_EVERY_S:
                    await self._expire()
                    expired_at = time.monotonic()
            await turn.write()
        finally:
            await end(beside)
            self._metrics.writes.set(0)

    async def _expire(self) -> None:
        """Delete what is older than it may be kept."""
        async with self._recording:
            gone = await asyncio.to_thread(expire, self._store, self._limits, self._remove_folders)
        for what, count in gone.items():
            self._metrics.expired.labels(what).inc(count)

    def _remove_folders(self, folders: Collection[str]) -> None:
        for folder in folders:
            if self._folder is None:
                raise OSError(
                    "the sound of a call can't be erased: expected SPEAKERLINE_ARCHIVE_SOUND_URL to say where"
                )
            self._folder.remove(folder)

    async def _tell(self, turn: Turn) -> None:
        """Every second, also while something takes long: there is an archive."""
        while True:
            with suppress(RedisError, OSError):  # where Redis is away, the turn says so
                await self._source.tell(turn.written, self._wait_s, self._folder is not None)
            await asyncio.sleep(TELL_EVERY_S)

    def _note(self, error: Exception) -> None:
        """What is away comes back; anything else is a fault of ours."""
        if not isinstance(error, NotOurs) and not is_outage(error) and not is_away(error):
            raise error
        kind = "database" if isinstance(error, DBAPIError) else "fencing" if isinstance(error, NotOurs) else "redis"
        self._metrics.errors.labels(kind).inc()
        self.problem = f"{kind}: {told(error.orig) if isinstance(error, DBAPIError) and error.orig else told(error)}"
        self._log.warning("the archive waits", error=self.problem)
        if kind != "redis":
            self._lock.release()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), PAUSE_S)
        except asyncio.TimeoutError:
            pass  # the usual case
