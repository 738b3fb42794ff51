"""Whose turn it is to write the archive: a lock that ends with its process, however that ends.

For SQLite a lock on a file beside the database (flock), for PostgreSQL an advisory lock of a session. A process whose
lock was lost unnoticed writes nothing either: the fencing token in the database is another's then.
"""

import fcntl
import os
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from speakerline.shared.archive.database import is_away

_LOCK = 7_318_201_102


class WriterLock:
    """Every method blocks: call it in a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file = -1
        self._session: Connection | None = None

    @property
    def held(self) -> bool:
        return self._file >= 0 or self._session is not None

    def acquire(self) -> bool:
        """False where another process has it."""
        if self._engine.dialect.name == "postgresql":
            return self._acquire_session()
        path = Path(f"{self._engine.url.database}.lock")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def _acquire_session(self) -> bool:
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not session.execute(text(f"SELECT pg_try_advisory_lock({_LOCK})")).scalar():
            session.close()
            return False
        self._session = session
        return True

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if session := self._session:
            self._session = None
            try:
                session.invalidate()  # ends the session, and the lock with it
                session.close()
            except Exception as error:
                if not is_away(error):
                    raise
