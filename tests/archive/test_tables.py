"""The tables that the migrations make are those that the code describes; what is asked all the time has an index."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Select, select

from speakerline.services.archive.store import Store
from speakerline.shared.archive.tables import TO_END, TO_RELEASE, calls, metadata
from tests.archive.archived_calls import store_of
from tests.archive.running import sqlite_url

FULL_TEXT = "texts_index"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    made = store_of(database_url)
    yield made
    made.engine.dispose()


def of_the_code(_: object, name: str | None, kind: str, *rest: object) -> bool:
    """All but the full text, which each database has in a way of its own."""
    return not str(name).startswith(FULL_TEXT) and (kind, name) != ("column", "index")


def test_the_migrations_make_the_tables_of_the_code(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": of_the_code, "version_table": "archive_version"}
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize(("where", "index"), [(TO_RELEASE, "calls_to_release"), (TO_END, "calls_to_end")])
def test_calls_that_wait_are_found_without_looking_at_all(tmp_path: Any, where: Any, index: str) -> None:
    store, query = store_of(sqlite_url(tmp_path)), select(calls).where(where).order_by(calls.c.id)
    assert isinstance(query, Select)
    told = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
    with store.engine.connect() as connection:
        (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}").all()
    assert plan.detail == f"SCAN calls USING INDEX {index}"
    store.engine.dispose()
