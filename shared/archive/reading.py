"""Calls as the archive has them: the newest of an id, or a certain one, and its timeline."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, select

from speakerline.shared.archive.tables import calls, parts
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.tenants import owned, split
from speakerline.shared.timeline.stored import StoredTimeline


@dataclass(frozen=True, slots=True)
class Archived:
    """A call: `id` in the archive, which is unique; `call_id` as Redis has it, which may come again."""

    id: int
    call_id: str
    seq: int
    epochs: tuple[str, ...]
    ended: bool
    lost: bool
    """Whether what is here may not be all of it."""


def find(connection: Connection, call_id: str, archive_id: int = 0) -> Archived | None:
    """The newest call of this id, as Redis has it, or the one with this id in the archive."""
    tenant, name = split(call_id)
    found = select(calls).where(calls.c.tenant == tenant, calls.c.call_id == name).order_by(calls.c.id.desc()).limit(1)
    if archive_id:
        found = found.where(calls.c.id == archive_id)
    row = connection.execute(found).first()
    return archived(row) if row else None


def count(connection: Connection, call_id: str) -> int:
    """How many calls of this id there are."""
    tenant, name = split(call_id)
    of_id = select(func.count()).select_from(calls).where(calls.c.tenant == tenant, calls.c.call_id == name)
    return int(connection.execute(of_id).scalar_one())


def read_parts(connection: Connection, archive_id: int) -> dict[str, bytes]:
    """The timeline in its parts, as Redis has it in `part:<name>`."""
    rows = connection.execute(select(parts.c.name, parts.c.json).where(parts.c.call == archive_id))
    return {name: bytes(json) for name, json in rows}


def snapshot(connection: Connection, call: Archived) -> Snapshot:
    """The call up to its last event in the archive; the same message as for a live one."""
    return stored(connection, call).snapshot()


def stored(connection: Connection, call: Archived) -> StoredTimeline:
    """The same, unread."""
    return StoredTimeline(call.call_id, call.epochs, read_parts(connection, call.id))


def archived(row: Row[tuple[object, ...]]) -> Archived:
    """From a row of `calls`."""
    epochs = tuple(row.epochs.split())
    return Archived(row.id, owned(row.tenant, row.call_id), row.seq, epochs, row.ended, row.lost)
