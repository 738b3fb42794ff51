"""The work of the archive: one writer at a time follows the firehose of every shard into one database.

    wait for the turn ──> migrate, take over ──> each shard: calls that ended unseen ──> round after round
         ^                                                                                      │
         └──── forget what is in memory <── another writes, or the database is away ────────────┘

Nothing in memory matters: whatever fails, the next turn begins from what is committed.
"""

import asyncio
import uuid
from collections.abc import Sequence

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.retention import Limits, expire
from speakerline.services.archive.shard import PAUSE_S, ArchivedShard
from speakerline.services.archive.store import NotOurs, Store
from speakerline.services.archive.writer_lock import WriterLock
from speakerline.shared.archive.database import is_away, migrate
from speakerline.shared.archive.sound import SoundAway, SoundFolder
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.runtime.ending import end

EXPIRE_EVERY_S = 600.0


class Archive:
    """Follows all shards until `stop`. `stores`: the database, as that of each shard. `wait_s`: how long ended calls
    stay in Redis for an archive that is away. `folder`: where sound is, if it is recorded. `limits`: how long what is
    kept."""

    def __init__(
        self,
        shards: Sequence[Shard],
        stores: Sequence[Store],
        metrics: ArchiveMetrics,
        wait_s: int,
        limits: Limits,
        folder: SoundFolder | None,
        log: Log,
    ) -> None:
        self._working = asyncio.Lock()
        self._shards = [
            ArchivedShard(redis, store, metrics, wait_s, folder, self._working, log)
            for redis, store in zip(shards, stores, strict=True)
        ]
        self._stores, self._metrics, self._limits, self._log = stores, metrics, limits, log
        self._lock = WriterLock(stores[0].engine)
        self._stopping = asyncio.Event()
        self._problem = "has not begun"
        metrics.watch_lag(lambda: max(one.turn.lag_s if one.turn else 0.0 for one in self._shards))
        metrics.watch_calls(lambda: sum(one.turn.in_hand if one.turn else 0 for one in self._shards))

    @property
    def problem(self) -> str:
        """Why it can't work now; empty where it can."""
        if self._problem or not self._lock.held:
            return self._problem
        return ", ".join(dict.fromkeys(one.problem for one in self._shards if one.problem))

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
            self._problem = ""  # another one writes: this one is ready to
            for shard in self._shards:
                shard.turn = None
        return ours

    async def _follow(self) -> None:
        """All shards, until one fails for another reason than its Redis."""
        await asyncio.to_thread(migrate, self._stores[0].engine)
        writer = uuid.uuid4().hex
        for store in self._stores:
            await asyncio.to_thread(store.take_over, writer)
        self._problem = ""
        self._metrics.writes.set(1)
        following = [asyncio.create_task(shard.follow(self._stopping)) for shard in self._shards]
        expiring = asyncio.create_task(self._expire_again_and_again())
        try:
            await asyncio.wait([*following, expiring], return_when=asyncio.FIRST_EXCEPTION)
            for task in (*following, expiring):
                if task.done():
                    task.result()
        finally:
            await end([*following, expiring])
            self._metrics.writes.set(0)

    async def _expire_again_and_again(self) -> None:
        """Delete what is older than it may be kept, until the archive stops."""
        while not self._stopping.is_set():
            try:
                async with self._working:
                    gone = await asyncio.to_thread(
                        expire, self._stores[0], self._limits, self._shards[0].remove_folders
                    )
            except SoundAway as error:
                self._metrics.errors.labels("sound").inc()
                self._log.warning("old calls are not deleted yet", error=str(error))
                await self._pause()
                continue
            for what, count in gone.items():
                self._metrics.expired.labels(what).inc(count)
            await self._pause(EXPIRE_EVERY_S)

    def _note(self, error: Exception) -> None:
        """What is away comes back; anything else is a fault of ours."""
        if not isinstance(error, NotOurs) and not is_outage(error) and not is_away(error):
            raise error
        kind = "database" if isinstance(error, DBAPIError) else "fencing" if isinstance(error, NotOurs) else "redis"
        self._metrics.errors.labels(kind).inc()
        self._problem = f"{kind}: {told(error.orig) if isinstance(error, DBAPIError) and error.orig else told(error)}"
        self._log.warning("the archive waits", error=self._problem)
        if kind != "redis":
            self._lock.release()

    async def _pause(self, seconds: float = PAUSE_S) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except asyncio.TimeoutError:
            pass  # the usual case
