"""A real redis-server of a test's own: loopback only, in a temporary folder, to be killed and restarted at will."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.ports import free_port

START_TIMEOUT_S = 10.0


class RedisServerFailed(RuntimeError):
    """The server did not come up; the message holds the end of its log."""


class RedisServer:
    """One redis-server process on a free port of 127.0.0.1 and on a unix socket.

    Port, socket and folder stay the same over `restart`. With `aof` what was acknowledged survives a `kill`
    (`appendfsync always`), otherwise every restart starts empty. `options` are further settings of redis.conf.
    """

    def __init__(self, aof: bool = False, **options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = int(options.get("port") or free_port())
        self.socket = self.folder / "redis.sock"
        self._settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if aof else "no",
            "appendfsync": "always" if aof else "no",
            "daemonize": "no",
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self.login: tuple[str, ...] = ()
        """User and password, where the server asks for them."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self.socket}?db=0"

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def log(self) -> Path:
        """The append-only file that is written now: a rewrite begins another one."""
        return max(self.folder.rglob("appendonly*.aof"), key=lambda path: path.stat().st_mtime_ns)

    def cut_log(self, size: int) -> None:
        """Leave so many bytes of that file, as a power cut may."""
        with self.log.open("r+b") as tail:
            tail.truncate(size)

    def start(self) -> "RedisServer":
        """Start it and wait until it answers and has loaded its data. Raises RedisServerFailed."""
        if self._process is not None:
            raise RuntimeError(f"redis-server {self._process.pid} is already running on port {self.port}")
        program = shutil.which("redis-server")
        if program is None:
            raise RedisServerFailed("redis-server is not on the PATH: `make setup` installs it")
        flags = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([program, *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_until_ready(self._process)
        return self

    def set(self, option: str, value: str) -> None:
        """A setting of redis.conf from the next start on; none where the value is empty."""
        self._settings.pop(option, None)
        if value:
            self._settings[option] = value

    def kill(self) -> None:
        """SIGKILL, as in a crash: nothing is written on the way down."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, until `resume`."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM and wait; the data folder stays."""
        self._end(signal.SIGTERM)

    def restart(self, crash: bool = False) -> None:
        """Stop (or with `crash` kill) and start again on the same port."""
        self._end(signal.SIGKILL if crash else signal.SIGTERM)
        self.start()

    def close(self) -> None:
        """Kill it if it runs and delete its folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def flush(self) -> None:
        """Delete every key, function and script; drop every other client."""
        self.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.command("FLUSHALL", "SYNC")
        self.command("SCRIPT", "FLUSH", "SYNC")

    def command(self, *words: str) -> bytes:
        """The first bytes of the raw reply to one command, without a client library."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_TIMEOUT_S) as connection:
            if self.login:
                connection.sendall(_packed("AUTH", *self.login))
                connection.recv(4096)
            connection.sendall(_packed(*words))
            return connection.recv(4096)

    def __enter__(self) -> "RedisServer":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"redis-server on port {self.port} is not running")
        return self._process

    def _end(self, how: signal.Signals) -> None:
        process = self._running()
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        process.wait(START_TIMEOUT_S)
        self._process = None

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and process.poll() is None:
            try:
                if self.command("PING") == b"+PONG\r\n":
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(0.01)
        process.kill()
        process.wait()
        self._process = None
        tail = (self.folder / "redis.log").read_text(errors="replace")[-800:]
        raise RedisServerFailed(f"redis-server on port {self.port} did not answer in {START_TIMEOUT_S:.0f} s:\n{tail}")


def _packed(*words: str) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
