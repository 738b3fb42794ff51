"""The tables of the archive; the migrations make them, and a test compares the two.

    calls ─┬─ parts         the snapshot of the timeline, in the parts in which Redis has it, too
           ├─ speakers      names, and talk statistics of each
           ├─ turns         who spoke when
           ├─ transcripts   final words, with their times and speakers
           ├─ marks         all else of the timeline that stays: overlaps, gaps, music, keys, acts of people, ...
           ├─ facts         the metadata of the announcement, a row a pair
           ├─ texts         all words of a call, normalised: what the full-text index is made of
           └─ sounds        files of recorded sound
    progress, erased        how far the firehose was read; which calls may not come back from it

`calls.id` begins with the millisecond at which the call began, so that the order of ids is that of time (`ids.py`).
Every row belongs to a call, which has its tenant. No text has a limit: what came by the contract must find room. Times
are ms: of the call's audio, or since 1970 where named `_at_ms`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

ID = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite keeps rows in the order of a primary key of this type."""

calls = Table(
    "calls",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("tenant", Text, nullable=False),
    Column("call_id", Text, nullable=False),  # as its tenant gave it
    Column("seq", BigInteger, nullable=False),
    Column("epochs", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("began_at_ms", BigInteger, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("end_reason", Text, nullable=False),
    Column("lost", Boolean, nullable=False),  # Redis lost it, or it ended unseen: what is here is not all
    Column("released", Boolean, nullable=False),  # Redis need not keep it for us any more
    Column("channels", BigInteger, nullable=False),
    Column("sample_rate", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("speech_ms", BigInteger, nullable=False),
    Column("overlap_ms", BigInteger, nullable=False),
    Column("silence_ms", BigInteger, nullable=False),
    Column("gap_ms", BigInteger, nullable=False),
    Column("longest_monologue_ms", BigInteger, nullable=False),
    Column("interruptions", BigInteger, nullable=False),
    Column("words", BigInteger, nullable=False),
    Index("calls_of_tenant", "tenant", "id"),
    Index("calls_by_call_id", "tenant", "call_id", "id"),
    Index("calls_by_change", "changed_at_ms"),
)
TO_RELEASE, TO_END = calls.c.ended & ~calls.c.released, ~calls.c.ended & ~calls.c.lost
"""Ended calls that Redis may still keep for us; calls of which an end is awaited. Of both there are few."""
Index("calls_to_release", calls.c.id, sqlite_where=TO_RELEASE, postgresql_where=TO_RELEASE)
Index("calls_to_end", calls.c.id, sqlite_where=TO_END, postgresql_where=TO_END)


def _call(primary_key: bool = True) -> Column[int]:
    return Column("call", ID, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=primary_key)


parts = Table(
    "parts",
    metadata,
    _call(),
    Column("name", Text, primary_key=True),
    Column("json", LargeBinary, nullable=False),
)

speakers = Table(
    "speakers",
    metadata,
    _call(),
    Column("speaker_id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded_name", Text, nullable=False),
    Column("channel", BigInteger, nullable=False),
    Column("merged_into", Text, nullable=False),
    Column("talk_ms", BigInteger, nullable=False),
    Column("talk_ratio", Float, nullable=False),
    Column("turns", BigInteger, nullable=False),
    Column("longest_monologue_ms", BigInteger, nullable=False),
    Column("interruptions", BigInteger, nullable=False),
    Column("overlap_ms", BigInteger, nullable=False),
    Column("words", BigInteger, nullable=False),
    Index("speakers_by_name", "tenant", "folded_name", "call"),
)

turns = Table(
    "turns",
    metadata,
    _call(),
    Column("turn_id", Text, primary_key=True),
    Column("speaker_id", Text, nullable=False),
    Column("channel", BigInteger, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("provisional", Boolean, nullable=False),
)

transcripts = Table(
    "transcripts",
    metadata,
    _call(),
    Column("transcript_id", Text, primary_key=True),
    Column("channel", BigInteger, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("words", JSON, nullable=False),  # [text, start_ms, end_ms, speaker_id] each; no superseded ones
)

marks = Table(
    "marks",
    metadata,
    _call(),
    Column("kind", Text, primary_key=True),  # the list of Snapshot that has it
    Column("item", Text, primary_key=True),
    Column("body", JSON, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    _call(),
    Column("name", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("folded_name", Text, nullable=False),
    Column("folded_value", Text, nullable=False),
    Index("facts_by_value", "tenant", "folded_value", "call"),
)

texts = Table(
    "texts",
    metadata,
    _call(),
    Column("scope", Text, nullable=False),  # one word that stands for the tenant
    Column("text", Text, nullable=False),
)

sounds = Table(
    "sounds",
    metadata,
    _call(),
    Column("channel", BigInteger, primary_key=True),
    Column("start_sample", BigInteger, primary_key=True),
    Column("end_sample", BigInteger, nullable=False),
    Column("file", Text, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    _call(),
    Column("folder", Text, nullable=False),
    Column("sample_rate", BigInteger, nullable=False),
    Column("encoding", BigInteger, nullable=False),
    Column("channels", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Index("recordings_that_go_on", "closed"),
)

progress = Table(
    "progress",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("writer", Text, nullable=False),  # who may write: a fencing token
)

erased = Table(
    "erased",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("position", Text, nullable=False),
    Column("erased_at_ms", BigInteger, nullable=False),
)

OF_A_CALL = (parts, speakers, turns, transcripts, marks, facts, texts, sounds, recordings)
