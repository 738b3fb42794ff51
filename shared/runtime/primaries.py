"""Finds the Redis that has a shard now, and follows it: to another one after a failover, or where its slot has moved.

    connect ──> ask Sentinels, or nodes of the cluster ──> connect to the primary that they name
       ^                                                        │ READONLY, MOVED, CLUSTERDOWN, or it is gone,
       └──────── the next command (an outage lies between) <────┘ or Sentinels name another one meanwhile

A shard lies in one slot, so one primary has all of it, and a plain connection to that one does for scripts, pipelines
and blocking reads what it does on a single Redis.
"""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from redis.asyncio import Redis, Sentinel, SSLConnection
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, MovedError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.addresses import CLUSTER, SENTINEL, Address
from speakerline.shared.runtime.ending import end

ANSWER_S = 2.0
"""How long one that is asked may take; then the next one is."""

FRESH_S = 0.3
"""For so long the map of a cluster is taken as it was."""

WATCH_S = 0.5
"""How often Sentinels are asked while there is work. A primary that is replaced while it lives takes writes until it is
made a replica, ten seconds later, and all of them are lost."""

_READ_ONLY = re.compile("(^|: -?)READONLY ")
"""As Redis 6.2 tells it where a script writes."""

Node = tuple[str, int]
"""Host and port."""


class Finder(Protocol):
    """Knows whom to ask."""

    async def primary(self) -> Node:
        """Of the shard, now. Raises redis's ConnectionError where nobody tells, ResponseError where nobody can."""
        ...

    def names_another(self, node: Node) -> bool:
        """Whether this one is known to be no primary any more, though it does not say so."""
        ...

    async def aclose(self) -> None:
        """Close the connections, if any."""
        ...


class Following(AbstractConnection):
    """Mixed into a connection of redis-py: it leads to the primary of the moment; it ends where that is no more."""

    finder: Finder
    host: str
    port: int

    async def connect(self) -> None:
        if not self.is_connected:
            self.host, self.port = await self.finder.primary()
        await super().connect()  # type: ignore[no-untyped-call]

    async def send_packed_command(self, *words: Any, **named: Any) -> None:
        if self.is_connected and self.finder.names_another((self.host, self.port)):
            await self._leave(None)
        await super().send_packed_command(*words, **named)

    async def read_response(self, *words: Any, **named: Any) -> Any:
        try:
            return await super().read_response(*words, **named)
        except (MovedError, ReadOnlyError, ClusterDownError) as error:
            await self._leave(error)
        except ResponseError as error:
            if not _READ_ONLY.search(str(error)):
                raise
            await self._leave(error)

    async def _leave(self, error: Exception | None) -> None:
        await self.disconnect()
        raise RedisConnectionError(f"{self.host}:{self.port} is not the primary any more") from error


def finder_of(address: Address) -> Finder | None:
    """None where the URL names the Redis itself."""
    if address.kind == SENTINEL:
        return SentinelFinder(address)
    return ClusterFinder(address) if address.kind == CLUSTER else None


class SentinelFinder:
    """Asks the Sentinels, one after the other: before a connection is made, and again and again beside the work."""

    def __init__(self, address: Address) -> None:
        name, password = address.sentinel_user
        user = {"username": name or None, "password": password or None}
        nodes = random.sample(address.nodes, len(address.nodes))
        self._service = address.service
        self._sentinel = Sentinel(nodes, sentinel_kwargs={**_tls(address), **_patience(), **user})
        self._named: Node | None = None
        self._asked_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def primary(self) -> Node:
        host, port = await self._sentinel.discover_master(self._service)
        self._named, self._asked_at = (str(host), int(port)), time.monotonic()
        return self._named

    def names_another(self, node: Node) -> bool:
        if time.monotonic() - self._asked_at >= WATCH_S and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask_again())
        return self._named not in (None, node)

    async def aclose(self) -> None:
        if self._asking:
            await end([self._asking])
        await self._sentinel.aclose()

    async def _ask_again(self) -> None:
        with suppress(RedisError, OSError):
            await self.primary()
        self._asked_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class ClusterFinder:
    """Looks on the map of the cluster, which all shards of a process share."""

    address: Address

    async def primary(self) -> Node:
        return await _map_of(self.address.url, self.address.nodes).primary_of(key_slot(self.address.prefix.encode()))

    def names_another(self, node: Node) -> bool:
        return False  # it answers MOVED

    async def aclose(self) -> None:
        """The map holds no connection."""


@lru_cache(maxsize=16)
def _map_of(url: str, nodes: tuple[Node, ...]) -> "ClusterMap":
    return ClusterMap(Address(url, nodes=nodes))


class ClusterMap:
    """Who has which slots, as a node tells it: asked anew where somebody asks, but not twice within FRESH_S."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._known = address.nodes
        """Nodes that can be asked, also those that others have told of."""
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[Sequence[tuple[int, int, Node]]] | None = None

    async def primary_of(self, slot: int) -> Node:
        for first, last, node in await self._slots():
            if first <= slot <= last:
                return node
        raise RedisConnectionError(f"slot {slot} of the cluster has no primary")

    async def _slots(self) -> Sequence[tuple[int, int, Node]]:
        asking, now = self._asking, time.monotonic()
        ours = asking is not None and asking.get_loop() is asyncio.get_running_loop()
        if asking is None or not ours or (asking.done() and now - self._asked_at >= FRESH_S):
            asking = self._asking = asyncio.create_task(self._ask())
            self._asked_at = now
        return await asyncio.shield(asking)

    async def _ask(self) -> Sequence[tuple[int, int, Node]]:
        """Of the first that answers. Raises what the last one raised, where none does."""
        problem: Exception = RedisConnectionError("no node to ask")
        for node in dict.fromkeys([*random.sample(self._known, len(self._known)), *self._address.nodes]):
            try:
                told = await self._ask_node(node)
            except (RedisError, OSError) as error:
                problem = error
                continue
            self._known = tuple(_node(one, node) for _, _, *nodes in told for one in nodes)
            return [(first, last, _node(primary, node)) for first, last, primary, *_ in told]
        if isinstance(problem, ResponseError):
            raise problem
        raise RedisConnectionError(f"no node of the cluster answers: {problem}") from problem

    async def _ask_node(self, node: Node) -> Sequence[Any]:
        redis = Redis.from_url(self._address.at(*node), **_patience())
        try:
            return list(await redis.execute_command("CLUSTER SLOTS"))
        finally:
            await redis.aclose()


def _node(told: Sequence[Any], asked: Node) -> Node:
    """Of an entry of CLUSTER SLOTS: who does not know its own host has the one at which it was asked."""
    host = (told[0] or b"").decode()
    return (host if host and host != "?" else asked[0]), int(told[1])


def _patience() -> dict[str, Any]:
    return {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": ANSWER_S,
    }


def _tls(address: Address) -> dict[str, Any]:
    """The options of TLS, as the client for Sentinel takes them."""
    options: dict[str, Any] = dict(parse_url(address.url))
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return {"ssl": True, **tls} if options.get("connection_class") is SSLConnection else {}
