"""A real Redis with a replica and three Sentinels that watch it, of a test's own, all on loopback."""

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from redis.exceptions import RedisError

from tests.ports import free_port
from tests.redis_cluster import ask, until
from tests.redis_server import RedisServer

NAME = "calls"
SENTINELS = 3
SETTINGS = {
    "monitor": "127.0.0.1 {port} {quorum}",
    "down-after-milliseconds": "1500",
    "failover-timeout": "3000",
    "parallel-syncs": "1",
}
OPTIONS = {"repl_diskless_sync_delay": "0", "repl_ping_replica_period": "1"}


class Sentinel:
    """One process that watches who listens on a port; `port` is where it is asked. `settings`: further ones."""

    def __init__(self, watched: int, quorum: int = 2, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sentinel-"))
        self.port = free_port()
        told = "\n".join(f"sentinel {name} {NAME} {value}" for name, value in SETTINGS.items()).format(
            port=watched, quorum=quorum
        )
        told += "".join(f"\n{option.replace('_', '-')} {value}" for option, value in settings.items())
        configuration = self.folder / "sentinel.conf"
        configuration.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n{told}\n")
        command = [shutil.which("redis-server") or "redis-server", str(configuration), "--sentinel"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def __enter__(self) -> "Sentinel":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisGroup:
    """`options` are further settings of redis.conf."""

    shards = 1

    def __init__(self, aof: bool = False, **options: str) -> None:
        primary = RedisServer(aof, **OPTIONS, **options)
        replica = RedisServer(aof, replicaof=f"127.0.0.1 {primary.port}", **OPTIONS, **options)
        self.nodes = [primary, replica]
        self._sentinels: list[Sentinel] = []
        self._opened = ExitStack()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self._sentinels)
        return f"redis+sentinel://{hosts}/{NAME}/0"

    def __enter__(self) -> "RedisGroup":
        with self._opened:
            for node in self.nodes:
                self._opened.enter_context(node)
            for _ in range(SENTINELS):
                self._sentinels.append(self._opened.enter_context(Sentinel(self.nodes[0].port)))
            until(lambda: all(self._knows_all(sentinel) for sentinel in self._sentinels))
            self.replica_of(self.primary_of(0))
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def primary_of(self, shard: int) -> RedisServer:
        """The one that most Sentinels name."""
        told = sorted(self._named_by(sentinel) for sentinel in self._sentinels)
        return next(node for node in self.nodes if node.port == told[len(told) // 2])

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """The other one, once it is in step, and the Sentinels know that it is."""
        (other,) = (node for node in self.nodes if node is not primary)
        until(lambda: _follows(other) and all(self._knows_all(sentinel) for sentinel in self._sentinels))
        return other

    def fail_over(self, primary: RedisServer) -> None:
        """SIGKILL it, and wait until its replica has taken its place."""
        replica = self.replica_of(primary)
        primary.kill()
        until(lambda: self.primary_of(0) is replica and _role(replica) == b"master")

    def bring_back(self, node: RedisServer) -> None:
        """Start it again, as a replica of who has taken its place."""
        for one in self.nodes:
            one.set("replicaof", "")
        node.set("replicaof", f"127.0.0.1 {self.primary_of(0).port}")
        node.start()

    def hand_over(self, primary: RedisServer) -> None:
        """The same as planned: Sentinel is told to."""
        replica = self.replica_of(primary)
        until(self._told_to_fail_over)
        until(lambda: self.primary_of(0) is replica and _role(primary) == b"slave")

    def _told_to_fail_over(self) -> bool:
        try:
            return bool(ask(self._sentinels[0], "SENTINEL", "FAILOVER", NAME))
        except RedisError:  # the last one is not over, or no good replica is known yet
            return False

    def _named_by(self, sentinel: Sentinel) -> int:
        return int(ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def _knows_all(self, sentinel: Sentinel) -> bool:
        try:
            replicas = ask(sentinel, "SENTINEL", "REPLICAS", NAME)
            others = ask(sentinel, "SENTINEL", "SENTINELS", NAME)
        except (RedisError, OSError):
            return False
        healthy = [
            one for one in map(_fields, replicas) if one["flags"] == "slave" and one["master-link-status"] == "ok"
        ]
        return len(healthy) == 1 and len(others) == SENTINELS - 1


def _fields(flat: list[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _role(node: RedisServer) -> bytes:
    try:
        return bytes(ask(node, "ROLE")[0])
    except (RedisError, OSError):
        return b""


def _follows(node: RedisServer) -> bool:
    return _role(node) == b"slave" and ask(node, "ROLE")[3] == b"connected"
