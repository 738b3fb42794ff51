"""Calls that outlived Redis: the gateway's questions to the database of the archive, each in a thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from speakerline.services.gateway.auth.principal import Refused
from speakerline.shared.archive import reading, search
from speakerline.shared.archive.database import is_away, open_database
from speakerline.shared.archive.settings import ArchiveSettings
from speakerline.shared.archive.sound import Recording, SoundFolder, read_recording
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.timeline.stored import StoredTimeline

T = TypeVar("T")


class ArchivedCalls:
    """The archive of these settings, which is opened when it is asked, if there is one. Raises InvalidArchive.

    Every question raises Refused with status 503 while the database is away."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._engine = open_database(settings.url, read_only=True) if settings.url else None
        self.folder = SoundFolder(settings.sound_url) if settings.sound_url else None
        """Where recorded sound is, if there is any."""

    def close(self) -> None:
        if self._engine:
            self._engine.dispose()

    async def search(self, tenant: str, wanted: search.Wanted, limit: int, before: int) -> list[search.FoundCall]:
        """As `shared.archive.search` has it. Raises Refused with status 404 where there is no archive."""
        if self._engine is None:
            raise Refused(404, "unknown", "this gateway has no archive: SPEAKERLINE_ARCHIVE_URL names one")
        return await self._ask(lambda connection: search.search(connection, tenant, wanted, limit, before))

    async def snapshot(self, call_id: str, archive_id: int = 0) -> Snapshot | None:
        """The newest call of this id, as Redis has it, or the one with this id in the archive; None where none is."""
        stored = await self.stored(call_id, archive_id)
        return await asyncio.to_thread(stored.snapshot) if stored else None

    async def stored(self, call_id: str, archive_id: int = 0) -> StoredTimeline | None:
        """The same, unread."""

        def read(connection: Connection) -> StoredTimeline | None:
            found = reading.find(connection, call_id, archive_id)
            return reading.stored(connection, found) if found else None

        return await self._ask(read) if self._engine else None

    async def recording(self, call_id: str, archive_id: int = 0) -> Recording | None:
        """What was recorded of the same call."""

        def read(connection: Connection) -> Recording | None:
            found = reading.find(connection, call_id, archive_id)
            return read_recording(connection, found.id) if found else None

        return await self._ask(read) if self._engine else None

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        try:
            return await asyncio.to_thread(self._answer, question)
        except SQLAlchemyError as error:
            if not isinstance(error, DBAPIError) or is_away(error):
                raise Refused(503, "archive", "the archive is away: try again") from error
            raise

    def _answer(self, question: Callable[[Connection], T]) -> T:
        assert self._engine
        with self._engine.connect() as connection:
            return question(connection)
