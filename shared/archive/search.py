"""Finds calls: by time, party, queue, speaker and words, the newest first, a page at a time.

The order is that of ids, which is that of time, so that a page begins where the last one ended (keyset pagination), and
an index of words that many calls have is read from its end, a page long and no longer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, column, exists, select, table
from sqlalchemy import text as sql

from speakerline.shared.archive.database import is_postgresql
from speakerline.shared.archive.ids import LAST, first_id
from speakerline.shared.archive.snippets import Said, Snippet, snippets
from speakerline.shared.archive.tables import calls, facts, sounds, speakers, texts, transcripts
from speakerline.shared.archive.words import Query

QUEUE = "queue"
"""The name in the metadata of a call."""

FTS5 = table("texts_index", column("rowid"))
"""SQLite's full-text index of `texts`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What calls must have; times in ms since 1970, empty = anything. Texts are compared without case."""

    from_ms: int = 0
    """Began then or later."""
    to_ms: int = 0
    """Began before."""
    party: str = ""
    """Any value of the metadata: a number, an agent."""
    queue: str = ""
    speaker: str = ""
    """The name of somebody in it."""
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class FoundSpeaker:
    """Somebody in a call; who was merged into another is left out."""

    speaker_id: str
    name: str
    channel: int
    talk_ms: int
    talk_ratio: float
    turns: int
    longest_monologue_ms: int
    interruptions: int
    overlap_ms: int
    words: int


@dataclass(slots=True)
class FoundCall:
    """A call, and what shows why it was found."""

    archive_id: int
    call_id: str
    began_at_ms: int
    started_at: str
    metadata: dict[str, str]
    channels: int
    language: str
    ended: bool
    end_reason: str
    lost: bool
    duration_ms: int
    speech_ms: int
    overlap_ms: int
    silence_ms: int
    gap_ms: int
    longest_monologue_ms: int
    interruptions: int
    words: int
    recorded: bool
    speakers: list[FoundSpeaker] = field(default_factory=list)
    snippets: list[Snippet] = field(default_factory=list)


def folded(text: str) -> str:
    """A name or a number, as it is compared: without case, without blanks around."""
    return " ".join(text.replace("\0", "").casefold().split())[:200]


def scope_of(tenant: str) -> str:
    """One word of the full-text index that stands for the tenant."""
    return "t" + hashlib.sha256(tenant.encode()).hexdigest()[:16]


def search(connection: Connection, tenant: str, wanted: Wanted, limit: int, before: int = LAST) -> list[FoundCall]:
    """At most `limit` calls of the tenant whose id is below `before`, the newest first."""
    low, high = first_id(wanted.from_ms), min(before, first_id(wanted.to_ms) if wanted.to_ms else LAST)
    recorded = exists().where(sounds.c.call == calls.c.id)
    found = select(calls, recorded.label("recorded")).where(calls.c.tenant == tenant, *_conditions(tenant, wanted))
    found = _by_words(connection, found, tenant, wanted.query, low, high)
    rows = connection.execute(found.limit(limit)).all()
    of_id = {row.id: _found(row) for row in rows}
    _add_speakers(connection, of_id)
    if wanted.query:
        _add_snippets(connection, of_id, wanted.query)
    return list(of_id.values())


def _by_words(
    connection: Connection, found: Select[Any], tenant: str, query: Query | None, low: int, high: int
) -> Select[Any]:
    """In this span of ids; the index of words goes first, where there are words."""
    if query is None:
        return found.where(calls.c.id >= low, calls.c.id < high).order_by(calls.c.id.desc())
    if is_postgresql(connection):
        matches = sql("texts.index @@ to_tsquery('simple', :words)").bindparams(words=query.in_tsquery())
        found = found.join(texts, texts.c.call == calls.c.id).where(matches)
        return found.where(calls.c.id >= low, calls.c.id < high).order_by(calls.c.id.desc())
    row = FTS5.c.rowid
    matches = sql("texts_index MATCH :words").bindparams(
        words=f"scope : {scope_of(tenant)} AND text : ({query.in_fts5()})"
    )
    found = found.join(FTS5, row == calls.c.id).where(matches, row >= low, row < high)
    return found.order_by(row.desc())


def _conditions(tenant: str, wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for value, name in ((wanted.party, ""), (wanted.queue, QUEUE)):
        if value:
            of_value = select(facts.c.call).where(facts.c.tenant == tenant, facts.c.folded_value == folded(value))
            conditions.append(calls.c.id.in_(of_value.where(facts.c.folded_name == name) if name else of_value))
    if wanted.speaker:
        named = speakers.c.folded_name == folded(wanted.speaker)
        conditions.append(calls.c.id.in_(select(speakers.c.call).where(speakers.c.tenant == tenant, named)))
    return conditions


def _found(row: Any) -> FoundCall:
    return FoundCall(
        archive_id=row.id,
        **{
            name: getattr(row, name)
            for name in FoundCall.__dataclass_fields__
            if name not in ("archive_id", "speakers", "snippets")
        },
    )


def _add_speakers(connection: Connection, of_id: dict[int, FoundCall]) -> None:
    chosen = select(speakers).where(speakers.c.call.in_(of_id), speakers.c.merged_into == "")
    for row in connection.execute(chosen.order_by(speakers.c.call, speakers.c.talk_ms.desc(), speakers.c.speaker_id)):
        fields = {name: getattr(row, name) for name in FoundSpeaker.__dataclass_fields__}
        of_id[row.call].speakers.append(FoundSpeaker(**fields))


def _add_snippets(connection: Connection, of_id: dict[int, FoundCall], query: Query) -> None:
    said: dict[int, list[list[Said]]] = {archive_id: [] for archive_id in of_id}
    chosen = select(transcripts.c.call, transcripts.c.words).where(transcripts.c.call.in_(of_id))
    for row in connection.execute(chosen.order_by(transcripts.c.call, transcripts.c.start_ms)):
        said[row.call].append([Said(*word) for word in row.words])
    for archive_id, call in of_id.items():
        call.snippets = snippets(said[archive_id], query)
