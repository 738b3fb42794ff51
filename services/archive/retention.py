"""Deletes what is older than it may be kept: whole calls, or of a call its words or its sound alone."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, select, update

from speakerline.services.archive.erasing import RemoveFiles, delete_calls, delete_sound, scrub
from speakerline.services.archive.store import Store, now_ms
from speakerline.shared.archive.tables import calls, parts, recordings, texts, transcripts

DAY_MS = 86_400_000
AT_ONCE = 100
"""Calls in one transaction."""
WORDS = b'"transcripts"'


@dataclass(frozen=True, slots=True)
class Limits:
    """Days after the last event of a call; 0 = until it is erased."""

    calls: float = 0.0
    words: float = 0.0
    sound: float = 0.0


def expire(store: Store, limits: Limits, remove_files: RemoveFiles, now: int | None = None) -> dict[str, int]:
    """Delete what is too old of calls that are over. Gives of how many calls what was deleted. `now`: ms since 1970.

    Blocks. Raises NotOurs where another process writes now."""
    now = now_ms() if now is None else now
    gone = dict.fromkeys(("calls", "words", "sound"), 0)
    for what, days in (("calls", limits.calls), ("words", limits.words), ("sound", limits.sound)):
        while days and (found := _expire_some(store, what, round(now - days * DAY_MS), remove_files)):
            gone[what] += found
    if gone["calls"] or gone["words"]:
        scrub(store)
    return gone


def _expire_some(store: Store, what: str, before_ms: int, remove_files: RemoveFiles) -> int:
    with store.engine.begin() as connection:
        store.advance(connection)
        old = _that_have(what).where(calls.c.changed_at_ms < before_ms, calls.c.ended | calls.c.lost).limit(AT_ONCE)
        found = list(connection.execute(old).scalars())
        if what == "calls":
            delete_calls(connection, found, remove_files)
        elif what == "words":
            _delete_words(connection, found)
        else:
            delete_sound(connection, found, remove_files)
        return len(found)


def _that_have(what: str) -> Select[tuple[int]]:
    chosen: Select[tuple[int]] = select(calls.c.id)
    if what == "words":
        return chosen.where(calls.c.id.in_(select(texts.c.call)) | calls.c.id.in_(select(transcripts.c.call)))
    return chosen.where(calls.c.id.in_(select(recordings.c.call))) if what == "sound" else chosen


def _delete_words(connection: Connection, archive_ids: list[int]) -> None:
    """Statistics keep how many there were."""
    for table in (texts, transcripts):
        connection.execute(delete(table).where(table.c.call.in_(archive_ids)))
    for row in connection.execute(select(parts).where(parts.c.call.in_(archive_ids))).all():
        if WORDS in (stored := bytes(row.json)):
            told = json.loads(stored)
            told.pop("transcripts", None)
            same = (parts.c.call == row.call, parts.c.name == row.name)
            connection.execute(update(parts).where(*same).values(json=json.dumps(told).encode()))
