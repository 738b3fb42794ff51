"""An archive within a test's own loop, and what is asked of its database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from speakerline.services.archive.archive import Archive
from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.archive.serving import archiving
from speakerline.services.archive.settings import ArchiveServiceSettings
from speakerline.shared.archive import reading
from speakerline.shared.archive.database import is_away, open_database
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.contract.v1 import Snapshot
from tests.runtime.playing import until

T = TypeVar("T")


def settings_of(redis_url: str, database: str, **options: Any) -> ArchiveServiceSettings:
    sound_url = options.pop("sound_url", "")
    return ArchiveServiceSettings(redis_url=redis_url, archive=ArchiveSettings(database, sound_url), port=0, **options)


@asynccontextmanager
async def running_archive(
    redis_url: str, database: str, metrics: ArchiveMetrics | None = None, **options: Any
) -> AsyncIterator[Archive]:
    """It works until the block ends."""
    metrics = metrics or ArchiveMetrics(CollectorRegistry())
    async with archiving(settings_of(redis_url, database, **options), metrics) as archive:
        task = asyncio.create_task(archive.run())
        try:
            yield archive
        finally:
            archive.stop()
            await task


class Database:
    """What is in an archive, while it is written."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_database(url, read_only=True)

    def ask(self, question: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return question(connection)

    def snapshot(self, call_id: str) -> Snapshot | None:
        """The newest call of this id; None while there is none."""

        def read(connection: Connection) -> Snapshot | None:
            found = reading.find(connection, call_id)
            return reading.snapshot(connection, found) if found else None

        try:
            return self.ask(read)
        except Exception as error:
            if not is_away(error):
                raise
            return None

    async def ended(self, call_id: str) -> Snapshot:
        """The call, once its end is archived."""

        def found() -> Snapshot | None:
            snapshot = self.snapshot(call_id)
            return snapshot if snapshot and snapshot.ended else None

        snapshot: Snapshot = await until(found)
        return snapshot

    def close(self) -> None:
        self._engine.dispose()


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/archive.db"
