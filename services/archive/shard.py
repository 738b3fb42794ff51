"""One shard of the archive: follows its firehose, records its calls, and waits where its Redis is away."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from redis.exceptions import RedisError

from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.recorder import Recorder
from speakerline.services.archive.sound_rows import SoundRows
from speakerline.services.archive.source import Source
from speakerline.services.archive.store import Store
from speakerline.services.archive.turn import Turn
from speakerline.shared.archive.sound import SoundAway, SoundFolder
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.runtime.ending import end

TELL_EVERY_S = 1.0
PAUSE_S = 1.0
"""After a failure."""


class ArchivedShard:
    """`store`: the database, with the position of this shard. `wait_s`: how long ended calls stay in Redis for an
    archive that is away. `folder`: where sound is, if it is recorded. `working`: held while files of sound are
    written."""

    def __init__(
        self,
        redis: Shard,
        store: Store,
        metrics: ArchiveMetrics,
        wait_s: int,
        folder: SoundFolder | None,
        working: asyncio.Lock,
        log: Log,
    ) -> None:
        self._redis, self._source, self._store, self._folder = redis, Source(redis), store, folder
        self._metrics, self._wait_s, self._working, self._log = metrics, wait_s, working, log
        self.turn: Turn | None = None
        """While this process writes."""
        self.problem = "has not begun"
        """Why it can't work now; empty where it can."""

    async def follow(self, stopping: asyncio.Event) -> None:
        """Until `stopping`, through outages of Redis. Raises what the database raises."""
        while not stopping.is_set():
            try:
                await self._follow(stopping)
            except (RedisError, OSError) as error:
                if not is_outage(error):
                    raise
                self._metrics.errors.labels("redis").inc()
                self.problem = f"redis: {told(error)}"
                self._log.warning("the archive waits", error=self.problem)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stopping.wait(), PAUSE_S)

    async def _follow(self, stopping: asyncio.Event) -> None:
        """Round after round, from what is committed."""
        position = await asyncio.to_thread(self._store.position)
        erased = await asyncio.to_thread(self._store.erased)
        turn = self.turn = Turn(self._source, self._store, position, erased, self._metrics, self._log)
        self._log.info("writes the archive", position=position)
        beside = [asyncio.create_task(self._tell(turn))]
        if self._folder:
            rows = SoundRows(self._store)
            recorder = Recorder(self._redis, rows, self._folder, self._working, self._metrics, self._log)
            beside.append(asyncio.create_task(recorder.run()))
        try:
            await turn.begin()
            self.problem = ""
            while not stopping.is_set():
                await turn.round(self.remove_folders, self._working)
            await turn.write()
        finally:
            await end(beside)

    def remove_folders(self, folders: Collection[str]) -> None:
        """Of recorded calls. Raises SoundAway where they can't be reached, or nothing says where they are."""
        for folder in folders:
            if self._folder is None:
                raise SoundAway(
                    "the sound of a call can't be erased: expected SPEAKERLINE_ARCHIVE_SOUND_URL to say where"
                )
            self._folder.remove(folder)

    async def _tell(self, turn: Turn) -> None:
        """Every second, also while something takes long: there is an archive."""
        while True:
            with suppress(RedisError, OSError):  # where Redis is away, the turn says so
                await self._source.tell(turn.written, self._wait_s, self._folder is not None)
            await asyncio.sleep(TELL_EVERY_S)
