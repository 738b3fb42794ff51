"""Indexes of the calls that await an end, or to be released by Redis: few of many."""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

WHERE = {
    "sqlite": {"calls_to_release": "ended = 1 AND released = 0", "calls_to_end": "ended = 0 AND lost = 0"},
    "postgresql": {"calls_to_release": "ended AND NOT released", "calls_to_end": "NOT ended AND NOT lost"},
}


def upgrade() -> None:
    for name, where in WHERE[op.get_bind().dialect.name].items():
        op.create_index(name, "calls", ["id"], sqlite_where=text(where), postgresql_where=text(where))
