"""A real Redis Cluster of a test's own: three primaries on loopback, each with a replica."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, Protocol, TypeVar

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from speakerline.shared.keys import shard_prefix
from tests.ports import free_port, is_free
from tests.redis_server import RedisServer

X = TypeVar("X")

PRIMARIES = 3
SLOTS = 16384
BUS = 10_000
"""How far the port of the cluster's own talk lies behind that of a node."""
WITHIN_S = 60.0
"""Of a busy machine, for what takes two seconds on an idle one."""
OPTIONS = {
    "cluster_enabled": "yes",
    "cluster_node_timeout": "1500",
    "cluster_replica_validity_factor": "0",
    "cluster_require_full_coverage": "no",
    "cluster_migration_barrier": "9",
    "repl_diskless_sync_delay": "0",
    "repl_ping_replica_period": "1",
}


class RedisCluster:
    """`url` names it with so many shards. `options` are further settings of redis.conf."""

    def __init__(self, shards: int, aof: bool = False, **options: str) -> None:
        self.shards = shards
        self.nodes = [RedisServer(aof, port=str(port_with_bus()), **OPTIONS, **options) for _ in range(2 * PRIMARIES)]
        self._opened = ExitStack()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}?shards={self.shards}"

    def __enter__(self) -> "RedisCluster":
        with self._opened:
            for number, node in enumerate(self.nodes):
                self._opened.enter_context(node)
                ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            self._join()
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def primary_of(self, shard: int) -> RedisServer:
        """The node that has the shard now, by what the nodes say that run."""
        slot = key_slot(shard_prefix(shard, self.shards).encode())

        def found() -> RedisServer | None:
            return next((node for node in self._running() if slot in owned_by(node)), None)

        return _some(until(found))

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """One that is in step with it."""
        name = ask(primary, "CLUSTER", "MYID").decode()

        def found() -> RedisServer | None:
            return next((node for node in self._running() if follows(node, name)), None)

        return _some(until(found))

    def fail_over(self, primary: RedisServer) -> None:
        """SIGKILL it, and wait until its replica has taken its place."""
        replica = self.replica_of(primary)
        primary.kill()
        until(lambda: owned_by(replica))

    def bring_back(self, node: RedisServer) -> None:
        """Start it again: the cluster makes it a replica of who has taken its place."""
        node.start()

    def hand_over(self, primary: RedisServer) -> None:
        """The same as planned: the primary waits until its replica has everything."""
        replica = self.replica_of(primary)
        ask(replica, "CLUSTER", "FAILOVER")
        until(lambda: owned_by(replica) and not owned_by(primary))

    def move(self, shard: int) -> None:
        """Move the slot of a shard to another primary, key by key, while it is in use."""
        slot = key_slot(shard_prefix(shard, self.shards).encode())
        source = self.primary_of(shard)
        target = next(node for node in self._running() if node is not source and owned_by(node))
        from_id, to_id = (ask(node, "CLUSTER", "MYID") for node in (source, target))
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", from_id)
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", to_id)
        while keys := ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            ask(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 10_000, "KEYS", *keys)
        for node in (target, source):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", to_id)

    def _running(self) -> list[RedisServer]:
        return [node for node in self.nodes if node.running]

    def _join(self) -> None:
        primaries, replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
        for number, node in enumerate(primaries):
            first, last = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES
            ask(node, "CLUSTER", "ADDSLOTS", *range(first, last))
        for node in self.nodes[1:]:
            ask(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(state(node).get("cluster_known_nodes") == str(len(self.nodes)) for node in self.nodes))
        for primary, replica in zip(primaries, replicas, strict=True):
            name = ask(primary, "CLUSTER", "MYID")
            until(partial(_replicates, replica, name))
        until(lambda: all(state(node).get("cluster_slots_ok") == str(SLOTS) for node in self.nodes))
        for primary in primaries:
            self.replica_of(primary)


class Asked(Protocol):
    """Who answers at a port of loopback."""

    port: int


def ask(node: Asked, *command: Any) -> Any:
    """The raw answer to one command."""
    with closing(Redis(port=node.port, protocol=2, socket_timeout=WITHIN_S)) as redis:
        return redis.execute_command(command[0], *command[1:], NEVER_DECODE=True)


def state(node: RedisServer) -> dict[str, str]:
    """CLUSTER INFO."""
    told = ask(node, "CLUSTER", "INFO")
    lines = told.decode().split() if isinstance(told, bytes) else [f"{name}:{value}" for name, value in told.items()]
    return dict(line.split(":", 1) for line in lines)


def owned_by(node: RedisServer) -> set[int]:
    """The slots that a node says it has; none while it does not answer."""
    try:
        name, slots = ask(node, "CLUSTER", "MYID"), ask(node, "CLUSTER", "SLOTS")
    except (RedisError, OSError):
        return set()
    return {slot for first, last, primary, *_ in slots if primary[2] == name for slot in range(first, last + 1)}


def follows(node: RedisServer, primary: str) -> bool:
    """Whether it is a replica of the node with that name, in step. One that has heard nothing yet takes no place."""
    try:
        role = ask(node, "ROLE")
        told = ask(node, "CLUSTER", "NODES").decode()
    except (RedisError, OSError):
        return False
    mine = next(line for line in told.splitlines() if "myself" in line).split()
    return bool(mine[3] == primary and role[0] == b"slave" and role[3] == b"connected" and role[4] > 0)


def until(found: Callable[[], X]) -> X:
    """The first true answer. Raises TimeoutError."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise TimeoutError(f"the cluster is not as expected after {WITHIN_S:g} s")


def _some(node: RedisServer | None) -> RedisServer:
    assert node
    return node


def _replicates(node: RedisServer, primary: bytes) -> bool:
    """Told to, once it knows the primary."""
    try:
        return bool(ask(node, "CLUSTER", "REPLICATE", primary))
    except RedisError:
        return False


def port_with_bus() -> int:
    """A free one, where the other is free, too."""
    while not is_free((port := free_port()) + BUS):
        pass
    return port
