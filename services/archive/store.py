"""Writes the tables of the archive: some calls and the position of the firehose in one transaction, or nothing."""

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, func, insert, select, text, update

from speakerline.services.archive.folding import Folding
from speakerline.services.archive.rows import (
    Row,
    all_items,
    call_row,
    fact_rows,
    item_rows,
    recording_rows,
    speaker_rows,
    text_row,
)
from speakerline.shared.archive import reading
from speakerline.shared.archive.database import is_postgresql
from speakerline.shared.archive.ids import first_id
from speakerline.shared.archive.tables import (
    TO_END,
    TO_RELEASE,
    calls,
    erased,
    facts,
    marks,
    parts,
    progress,
    recordings,
    speakers,
    texts,
    transcripts,
    turns,
)
from speakerline.shared.keys import FIREHOSE, shard_of, shard_prefix
from speakerline.shared.tenants import split

START = "0-0"
_NEW_ID_LOCK = 7_318_201_103
"""One shard at a time gives ids to calls."""
PAGE = 500


class NotOurs(Exception):
    """Another process writes now."""


class Store:
    """The database, for one writer at a time. `records`: whether the sound of new calls is to be recorded. `number`: of
    the shard, among `shards`, whose firehose goes through here; each has a position of its own.

    Every method is one transaction, and blocks: call it in a thread."""

    def __init__(self, engine: Engine, records: bool = False, number: int = 0, shards: int = 1) -> None:
        self.engine = engine
        self._records, self._number, self._shards = records, number, shards
        self._stream = shard_prefix(number, shards) + FIREHOSE
        self._me = ""

    def take_over(self, writer: str) -> None:
        """From now on this one writes, for any shard, and nobody who did before."""
        self._me = writer
        with self.engine.begin() as connection:
            connection.execute(update(progress).values(writer=writer))
            if connection.execute(select(progress.c.position).where(self._ours)).scalar() is None:
                connection.execute(insert(progress).values(stream=self._stream, position=START, writer=writer))

    def position(self) -> str:
        """Up to which the firehose of our shard is in here."""
        with self.engine.connect() as connection:
            return str(connection.execute(select(progress.c.position).where(self._ours)).scalar_one())

    @property
    def _ours(self) -> ColumnElement[bool]:
        return progress.c.stream == self._stream

    def is_here(self, call_id: str) -> bool:
        """Whether the call is of our shard."""
        return shard_of(call_id, self._shards) == self._number

    def load(self, call_id: str) -> Folding | None:
        """The newest call of this id, as it is here."""
        with self.engine.connect() as connection:
            found = reading.find(connection, call_id)
            if found is None:
                return None
            began = select(calls.c.began_at_ms).where(calls.c.id == found.id)
            folding = Folding.stored(
                call_id,
                found.id,
                connection.execute(began).scalar_one(),
                reading.read_parts(connection, found.id),
                reading.snapshot(connection, found),
            )
            folding.lost = found.lost
            return folding

    def write(self, foldings: Sequence[Folding], position: str, index: Collection[Folding]) -> int:
        """Bring these calls up to date, those of `index` also in the full text. Gives the rows written.

        Raises NotOurs where another process writes now."""
        new = [folding for folding in foldings if not folding.archive_id]
        written, now = 0, now_ms()
        try:
            with self.engine.begin() as connection:
                self.advance(connection, position)
                for folding in foldings:
                    is_new = not folding.archive_id
                    written += _write_call(connection, folding, now)
                    if is_new and self._records:
                        _replace(connection, recordings, folding.archive_id, recording_rows(folding.timeline))
                    if folding in index:
                        _replace(connection, texts, folding.archive_id, [text_row(folding.timeline)])
        except BaseException:
            for folding in new:
                folding.archive_id = 0
            raise
        return written

    def advance(self, connection: Connection, position: str = "") -> None:
        """First in a transaction that writes: fails where another process writes now."""
        values = {"position": position} if position else {"writer": self._me}
        ours = update(progress).where(self._ours, progress.c.writer == self._me).values(**values)
        if not connection.execute(ours).rowcount:
            raise NotOurs("another process writes the archive")

    def state_of(self, call_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Of each call that is here, its newest: `seq` and last epoch."""
        with self.engine.connect() as connection:
            found = (reading.find(connection, call_id) for call_id in call_ids)
            return {one.call_id: (one.seq, one.epochs[-1] if one.epochs else "") for one in found if one}

    def unfinished(self) -> list[str]:
        """The calls, as Redis names them, of which an end is awaited."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(calls).where(TO_END))
            named = (reading.archived(row).call_id for row in rows)
            return [call_id for call_id in named if self.is_here(call_id)]

    def unreleased(self) -> list[tuple[int, str, int]]:
        """Ended calls that Redis may still keep for us: their ids here and there, and channels; PAGE at most."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(calls).where(TO_RELEASE).order_by(calls.c.id))
            named = ((row.id, reading.archived(row).call_id, row.channels) for row in rows)
            return list(islice((one for one in named if self.is_here(one[1])), PAGE))

    def release(self, archive_ids: Collection[int]) -> None:
        """Redis does not keep these for us."""
        with self.engine.begin() as connection:
            self.advance(connection)
            connection.execute(update(calls).where(calls.c.id.in_(archive_ids)).values(released=True))

    def erased(self) -> dict[str, str]:
        """By digest of its id, up to which position of the firehose nothing of a call may be taken."""
        with self.engine.connect() as connection:
            return {row.digest: row.position for row in connection.execute(select(erased))}


def digest_of(call_id: str) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()


def now_ms() -> int:
    return round(time.time() * 1000)


def _write_call(connection: Connection, folding: Folding, now: int) -> int:
    timeline, row = folding.timeline, call_row(folding, now)
    if folding.archive_id:
        connection.execute(update(calls).where(calls.c.id == folding.archive_id).values(**row))
    else:
        folding.archive_id = _new_id(connection, folding.began_at_ms)
        tenant, name = split(folding.call_id)
        own: Row = {"id": folding.archive_id, "tenant": tenant, "call_id": name, "began_at_ms": folding.began_at_ms}
        connection.execute(insert(calls).values(**own, **row, released=False))
    written = 1 + _write_parts(connection, folding)
    if folding.whole:
        for table, rows in item_rows(timeline, all_items(timeline)).items():
            written += _replace(connection, _ITEMS[table], folding.archive_id, rows)
        written += _replace(connection, facts, folding.archive_id, fact_rows(timeline))
    else:
        written += _write_items(connection, folding)
    return written + _replace(connection, speakers, folding.archive_id, speaker_rows(timeline))


_ITEMS: Mapping[str, Table] = {"turns": turns, "transcripts": transcripts, "marks": marks}


def _new_id(connection: Connection, began_at_ms: int) -> int:
    if is_postgresql(connection):  # SQLite has one transaction that writes at a time
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_NEW_ID_LOCK})"))
    first, following = first_id(began_at_ms), first_id(began_at_ms + 1)
    last = connection.execute(select(func.max(calls.c.id)).where(calls.c.id >= first, calls.c.id < following)).scalar()
    return first if last is None else int(last) + 1


def _write_parts(connection: Connection, folding: Folding) -> int:
    """Those that have changed; of a call that began anew, all."""
    now = folding.parts()
    before = {} if folding.whole else folding.stored_parts
    changed = {name: json for name, json in now.items() if before.get(name) != json}
    of_call = parts.c.call == folding.archive_id
    gone = of_call if folding.whole else and_(of_call, parts.c.name.in_(changed))
    connection.execute(delete(parts).where(gone))
    _insert(connection, parts, folding.archive_id, [{"name": name, "json": json} for name, json in changed.items()])
    return len(changed)


def _write_items(connection: Connection, folding: Folding) -> int:
    """The items that events have touched: their rows anew."""
    rows = item_rows(folding.timeline, folding.items)
    touched: dict[str, list[Any]] = {"turns": [], "transcripts": []}
    for kind, key in folding.items:
        if kind in touched:
            touched[kind].append(key)
        else:
            same = and_(marks.c.call == folding.archive_id, marks.c.kind == kind, marks.c.item == str(key))
            connection.execute(delete(marks).where(same))
    for table, own in ((turns, turns.c.turn_id), (transcripts, transcripts.c.transcript_id)):
        if keys := touched[table.name]:
            connection.execute(delete(table).where(table.c.call == folding.archive_id, own.in_(keys)))
    return sum(_insert(connection, _ITEMS[table], folding.archive_id, found) for table, found in rows.items())


def _replace(connection: Connection, table: Table, archive_id: int, rows: Sequence[Row]) -> int:
    connection.execute(delete(table).where(table.c.call == archive_id))
    return _insert(connection, table, archive_id, rows)


def _insert(connection: Connection, table: Table, archive_id: int, rows: Sequence[Row]) -> int:
    if rows:
        connection.execute(insert(table), [{"call": archive_id, **row} for row in rows])
    return len(rows)
