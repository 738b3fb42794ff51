"""The rows of recordings: which calls are being recorded, and which files there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, update

from speakerline.services.archive.store import Store
from speakerline.shared.archive.reading import archived
from speakerline.shared.archive.tables import calls, recordings, sounds


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A call that is being recorded. `written`: by channel, up to which sample there are files."""

    archive_id: int
    call_id: str
    folder: str
    sample_rate: int
    encoding: int
    channels: int
    written: Mapping[int, int] = field(default_factory=dict)


class SoundRows:
    """Every method is one transaction, and blocks. Raises NotOurs where another process writes now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def opened(self) -> list[OpenRecording]:
        """Those that go on."""
        with self._store.engine.connect() as connection:
            going_on = select(
                calls,
                recordings.c.folder,
                recordings.c.encoding,
                recordings.c.sample_rate.label("recorded_rate"),
                recordings.c.channels.label("recorded_channels"),
            ).join(recordings, recordings.c.call == calls.c.id)
            found = connection.execute(going_on.where(~recordings.c.closed)).all()
            rows = [row for row in found if self._store.is_here(archived(row).call_id)]
            ends = select(sounds.c.call, sounds.c.channel, func.max(sounds.c.end_sample).label("end"))
            ends = ends.where(sounds.c.call.in_([row.id for row in rows])).group_by(sounds.c.call, sounds.c.channel)
            written: dict[int, dict[int, int]] = {}
            for one in connection.execute(ends):
                written.setdefault(one.call, {})[one.channel] = one.end
            return [
                OpenRecording(
                    row.id,
                    archived(row).call_id,
                    row.folder,
                    row.recorded_rate,
                    row.encoding,
                    row.recorded_channels,
                    written.get(row.id, {}),
                )
                for row in rows
            ]

    def add(self, archive_id: int, channel: int, start: int, end: int, file: str) -> int:
        """Gives how many samples are missing before it."""
        with self._store.engine.begin() as connection:
            self._store.advance(connection)
            own = (sounds.c.call == archive_id, sounds.c.channel == channel)
            before = select(func.max(sounds.c.end_sample)).where(*own, sounds.c.end_sample <= start)
            last = connection.execute(before).scalar() or 0
            connection.execute(delete(sounds).where(*own, sounds.c.start_sample == start))
            row = {"call": archive_id, "channel": channel, "start_sample": start, "end_sample": end, "file": file}
            connection.execute(insert(sounds).values(**row))
            return start - int(last)

    def has(self, row: OpenRecording) -> bool:
        """Whether the call is still there, with this folder."""
        with self._store.engine.connect() as connection:
            own = (recordings.c.call == row.archive_id, recordings.c.folder == row.folder)
            return connection.execute(select(recordings.c.call).where(*own)).first() is not None

    def close(self, archive_id: int) -> None:
        with self._store.engine.begin() as connection:
            self._store.advance(connection)
            connection.execute(update(recordings).where(recordings.c.call == archive_id).values(closed=True))
