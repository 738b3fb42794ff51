"""Calls with all that is known of them, how far the firehose was read, and the full-text index."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0001"
down_revision = None

ID = BigInteger().with_variant(Integer(), "sqlite")

FTS5 = (
    "CREATE VIRTUAL TABLE texts_index USING fts5(scope, text, content='texts', content_rowid='call',"
    " tokenize='unicode61 remove_diacritics 0')",
    "CREATE TRIGGER texts_inserted AFTER INSERT ON texts BEGIN"
    " INSERT INTO texts_index(rowid, scope, text) VALUES (new.call, new.scope, new.text); END",
    "CREATE TRIGGER texts_deleted AFTER DELETE ON texts BEGIN"
    " INSERT INTO texts_index(texts_index, rowid, scope, text) VALUES ('delete', old.call, old.scope, old.text); END",
)
"""The index reads its words from `texts`, and is told of each row; a changed row is deleted and inserted."""

TSVECTOR = (
    "ALTER TABLE texts ADD COLUMN index tsvector GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED",
    "CREATE INDEX texts_index ON texts USING gin(index)",
)


def upgrade() -> None:
    op.create_table(
        "calls",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("tenant", Text(), nullable=False),
        Column("call_id", Text(), nullable=False),
        Column("seq", BigInteger(), nullable=False),
        Column("epochs", Text(), nullable=False),
        Column("at_ms", BigInteger(), nullable=False),
        Column("began_at_ms", BigInteger(), nullable=False),
        Column("changed_at_ms", BigInteger(), nullable=False),
        Column("ended", Boolean(), nullable=False),
        Column("end_reason", Text(), nullable=False),
        Column("lost", Boolean(), nullable=False),
        Column("released", Boolean(), nullable=False),
        Column("channels", BigInteger(), nullable=False),
        Column("sample_rate", BigInteger(), nullable=False),
        Column("language", Text(), nullable=False),
        Column("started_at", Text(), nullable=False),
        Column("metadata", JSON(), nullable=False),
        Column("duration_ms", BigInteger(), nullable=False),
        Column("speech_ms", BigInteger(), nullable=False),
        Column("overlap_ms", BigInteger(), nullable=False),
        Column("silence_ms", BigInteger(), nullable=False),
        Column("gap_ms", BigInteger(), nullable=False),
        Column("longest_monologue_ms", BigInteger(), nullable=False),
        Column("interruptions", BigInteger(), nullable=False),
        Column("words", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("calls_by_call_id", "calls", ["tenant", "call_id", "id"])
    op.create_index("calls_by_change", "calls", ["changed_at_ms"])
    op.create_index("calls_of_tenant", "calls", ["tenant", "id"])
    op.create_table(
        "erased",
        Column("digest", Text(), nullable=False),
        Column("position", Text(), nullable=False),
        Column("erased_at_ms", BigInteger(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "progress",
        Column("stream", Text(), nullable=False),
        Column("position", Text(), nullable=False),
        Column("writer", Text(), nullable=False),
        PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "facts",
        Column("call", ID, nullable=False),
        Column("name", Text(), nullable=False),
        Column("tenant", Text(), nullable=False),
        Column("folded_name", Text(), nullable=False),
        Column("folded_value", Text(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "name"),
    )
    op.create_index("facts_by_value", "facts", ["tenant", "folded_value", "call"])
    op.create_table(
        "marks",
        Column("call", ID, nullable=False),
        Column("kind", Text(), nullable=False),
        Column("item", Text(), nullable=False),
        Column("body", JSON(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "kind", "item"),
    )
    op.create_table(
        "parts",
        Column("call", ID, nullable=False),
        Column("name", Text(), nullable=False),
        Column("json", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "name"),
    )
    op.create_table(
        "recordings",
        Column("call", ID, nullable=False),
        Column("folder", Text(), nullable=False),
        Column("sample_rate", BigInteger(), nullable=False),
        Column("encoding", BigInteger(), nullable=False),
        Column("channels", BigInteger(), nullable=False),
        Column("closed", Boolean(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call"),
    )
    op.create_index("recordings_that_go_on", "recordings", ["closed"])
    op.create_table(
        "sounds",
        Column("call", ID, nullable=False),
        Column("channel", BigInteger(), nullable=False),
        Column("start_sample", BigInteger(), nullable=False),
        Column("end_sample", BigInteger(), nullable=False),
        Column("file", Text(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "channel", "start_sample"),
    )
    op.create_table(
        "speakers",
        Column("call", ID, nullable=False),
        Column("speaker_id", Text(), nullable=False),
        Column("tenant", Text(), nullable=False),
        Column("name", Text(), nullable=False),
        Column("folded_name", Text(), nullable=False),
        Column("channel", BigInteger(), nullable=False),
        Column("merged_into", Text(), nullable=False),
        Column("talk_ms", BigInteger(), nullable=False),
        Column("talk_ratio", Float(), nullable=False),
        Column("turns", BigInteger(), nullable=False),
        Column("longest_monologue_ms", BigInteger(), nullable=False),
        Column("interruptions", BigInteger(), nullable=False),
        Column("overlap_ms", BigInteger(), nullable=False),
        Column("words", BigInteger(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "speaker_id"),
    )
    op.create_index("speakers_by_name", "speakers", ["tenant", "folded_name", "call"])
    op.create_table(
        "texts",
        Column("call", ID, nullable=False),
        Column("scope", Text(), nullable=False),
        Column("text", Text(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call"),
    )
    op.create_table(
        "transcripts",
        Column("call", ID, nullable=False),
        Column("transcript_id", Text(), nullable=False),
        Column("channel", BigInteger(), nullable=False),
        Column("start_ms", BigInteger(), nullable=False),
        Column("end_ms", BigInteger(), nullable=False),
        Column("language", Text(), nullable=False),
        Column("words", JSON(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "transcript_id"),
    )
    op.create_table(
        "turns",
        Column("call", ID, nullable=False),
        Column("turn_id", Text(), nullable=False),
        Column("speaker_id", Text(), nullable=False),
        Column("channel", BigInteger(), nullable=False),
        Column("start_ms", BigInteger(), nullable=False),
        Column("end_ms", BigInteger(), nullable=False),
        Column("confidence", Float(), nullable=False),
        Column("provisional", Boolean(), nullable=False),
        ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("call", "turn_id"),
    )
    for statement in TSVECTOR if op.get_bind().dialect.name == "postgresql" else FTS5:
        op.execute(statement)
