"""Takes calls out of the database so that no byte of them stays where we can reach it.

    files of sound ──> rows, and a mark that keeps late events away ──> index and pages rewritten

SQLite overwrites what is deleted (`secure_delete`), in the index of words after it was merged (`optimize`), and its
write-ahead log is emptied. PostgreSQL keeps old rows in pages and in its log until both are written anew.
"""

from collections.abc import Callable, Collection

from sqlalchemy import Connection, delete, insert, select, text

from speakerline.services.archive.store import Store, digest_of, now_ms
from speakerline.shared.archive.database import is_postgresql
from speakerline.shared.archive.tables import OF_A_CALL, calls, erased, recordings, sounds
from speakerline.shared.tenants import split

MARK_MS = 86_400_000
"""So long no late event of an erased call is taken; `forget` has taken it out of the firehose in seconds."""

RemoveFiles = Callable[[Collection[str]], None]
"""Removes folders of sound; those that are not there count as removed."""


def erase(store: Store, call_id: str, position: str, remove_files: RemoveFiles) -> int:
    """Erase all calls of this id, and take none of their events up to this position again. Gives how many there were.

    Safe to repeat."""
    tenant, name = split(call_id)
    with store.engine.begin() as connection:
        store.advance(connection)
        of_id = select(calls.c.id).where(calls.c.tenant == tenant, calls.c.call_id == name)
        found = list(connection.execute(of_id).scalars())
        delete_calls(connection, found, remove_files)
        connection.execute(delete(erased).where(erased.c.digest == digest_of(call_id)))
        connection.execute(delete(erased).where(erased.c.erased_at_ms < now_ms() - MARK_MS))
        connection.execute(insert(erased).values(digest=digest_of(call_id), position=position, erased_at_ms=now_ms()))
    if found:
        scrub(store)
    return len(found)


def delete_calls(connection: Connection, archive_ids: Collection[int], remove_files: RemoveFiles) -> None:
    """Files first: where this fails half-way, their rows still tell of them."""
    delete_sound(connection, archive_ids, remove_files)
    for table in OF_A_CALL:
        connection.execute(delete(table).where(table.c.call.in_(archive_ids)))
    connection.execute(delete(calls).where(calls.c.id.in_(archive_ids)))


def delete_sound(connection: Connection, archive_ids: Collection[int], remove_files: RemoveFiles) -> None:
    """The recorded sound of these calls."""
    folders = select(recordings.c.folder).where(recordings.c.call.in_(archive_ids))
    remove_files(list(connection.execute(folders).scalars()))
    for table in (sounds, recordings):
        connection.execute(delete(table).where(table.c.call.in_(archive_ids)))


def scrub(store: Store) -> None:
    """Write anew what still holds deleted words."""
    with store.engine.connect() as connection:
        if is_postgresql(connection):
            connection.rollback()
            clean = connection.execution_options(isolation_level="AUTOCOMMIT")
            clean.execute(text("VACUUM texts, transcripts, parts, speakers, facts, marks, turns, calls"))
            return
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO texts_index(texts_index) VALUES ('optimize')"))
    with store.engine.connect() as connection:
        connection.rollback()
        driver = connection.connection.driver_connection
        assert driver
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def left_by(store: Store) -> str:
    """What still holds an erased call, in words; empty where nothing does."""
    postgresql = "pages and the log of PostgreSQL, until VACUUM FULL and a checkpoint write them anew"
    return postgresql if store.engine.dialect.name == "postgresql" else ""
