"""Opens the database of the archive, SQLite or PostgreSQL, and brings its tables up to date."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.redaction import without_password

MIGRATIONS = Path(__file__).parent / "migrations"
EXPECTED = "expected sqlite:///file or postgresql://user:password@host/name"
BUSY_MS = 30_000
"""How long SQLite waits for another writer."""
CONNECT_S = 5
AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What passes when the database comes back."""
_MIGRATION_LOCK = 7_318_201_101


class InvalidArchive(SpeakerlineError, ValueError):
    """A database that the archive can't be kept in."""


def open_database(url: str, read_only: bool = False) -> Engine:
    """Connections are made when they are needed. Raises InvalidArchive for the URL of another kind of database."""
    try:
        where = make_url(url)
    except ArgumentError:
        raise InvalidArchive(f"archive url {without_password(url)!r}: {EXPECTED}") from None
    match where.get_backend_name():
        case "sqlite" if where.database not in (None, "", ":memory:"):
            return _sqlite(where, read_only)
        case "postgresql":
            return _postgresql(where, read_only)
    raise InvalidArchive(f"archive url {without_password(url)!r}: {EXPECTED}")


def migrate(engine: Engine) -> None:
    """Make the tables, or bring those of an older version up to date; one process at a time.

    Raises InvalidArchive where a newer version made them."""
    from alembic import command  # not paid by the gateway, which only reads
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if is_postgresql(connection):
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise InvalidArchive(f"the archive can't be used by this version: {error}") from error


def is_away(error: BaseException) -> bool:
    """Whether the database can't be reached, or has no tables yet: the archive has not been started."""
    return isinstance(error, AWAY) or (isinstance(error, ProgrammingError) and "does not exist" in str(error.orig))


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _sqlite(where: URL, read_only: bool) -> Engine:
    """Readers and the writer don't wait for each other. What is deleted is overwritten. Files are this user's alone."""
    assert where.database
    path = Path(where.database)
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    if read_only:
        where = where.set(database=f"file:{path.absolute()}", query={"uri": "true", "mode": "rw"})
    engine = create_engine(where, connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, below
        for pragma in ("foreign_keys=ON", "secure_delete=ON", "synchronous=NORMAL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA query_only=ON" if read_only else "PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(where: URL, read_only: bool) -> Engine:
    options = "-c default_transaction_read_only=on -c statement_timeout=30000" if read_only else ""
    return create_engine(
        where.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_timeout=CONNECT_S,
        connect_args={"connect_timeout": CONNECT_S, "options": options},
    )
