"""Databases for tests of the archive: SQLite in a file, and a real PostgreSQL where one is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.postgres import PostgresServer, programs
from tests.archive.running import Database, sqlite_url


@pytest.fixture(scope="session")
def _session_postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    server = PostgresServer(found)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def postgres(_session_postgres: PostgresServer) -> PostgresServer:
    """The server of the test run. Not to be stopped."""
    return _session_postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """What comes to be in it."""
    opened = Database(database_url)
    yield opened
    opened.close()
