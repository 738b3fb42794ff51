"""A real PostgreSQL of a test run's own: Debian's program, on a free port of loopback, in a temporary folder.

It refuses to run as root, so root starts it as the user `postgres`.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

from sqlalchemy import text

from speakerline.shared.archive.database import open_database
from tests.runtime.processes import wait_for

USER = "postgres"


def programs() -> Path | None:
    """The folder of the newest PostgreSQL that is installed; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found and (found[-1] / "initdb").exists():
        return found[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """One server process. `database` makes an empty database in it."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.data = self.folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PostgresServer":
        """Start it, and make its folder where that is not done. Returns when it answers."""
        if not self.data.exists():
            if os.getuid() == 0:
                shutil.chown(self.folder, USER)
            made = self._as_user("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
            assert made.wait(120) == 0, (self.folder / "log").read_text()
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = self._as_user("postgres", "-D", str(self.data), *flags)
        wait_for(self._answers, 60)
        return self

    def kill(self) -> None:
        """SIGKILL to the server and all it started, as in a crash."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        wait_for(lambda: not self._listens(), 30)

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """The URL of a new database."""
        name = f"t{uuid.uuid4().hex}"
        engine = open_database(self.url("postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def _as_user(self, program: str, *words: str) -> "subprocess.Popen[bytes]":
        command = [str(self._programs / program), *words]
        if os.getuid() == 0:
            command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *command]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _answers(self) -> bool:
        assert self._process and self._process.poll() is None, (self.folder / "log").read_text()
        ready = subprocess.run(
            [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], stdin=subprocess.DEVNULL
        )
        return ready.returncode == 0
