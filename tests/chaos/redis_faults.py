"""What happens to Redis. Alone it dies and comes back, sometimes without its last second. With a replica it is
replaced, after a crash or as planned. In a cluster shards move from node to node."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.redis_cluster import RedisCluster
from tests.redis_sentinel import RedisGroup
from tests.redis_server import RedisServer

OPTIONS = {"appendfsync": "everysec", "rdbcompression": "no"}
"""As in a service, and so that bytes of erased calls can be found."""
SHARDS = 8
AWAY_S = (0.2, 1.5)
POWER_CUT_S = 1.0
"""The most of the log that a power cut takes, in seconds of writing, as `appendfsync everysec` may lose."""
LOOK_S = 0.05


class RedisFaults(Protocol):
    """Of one kind of Redis. `per_minute`: its faults, and how often each may happen."""

    url: str
    per_minute: Mapping[str, float]

    @property
    def nodes(self) -> Sequence[RedisServer]:
        """Those that can be disturbed: they run, and somebody may be connected to them."""
        ...

    async def inflict(self, kind: str) -> None:
        """Returns when it is over."""
        ...

    async def watch(self) -> None:
        """What it has to know goes on beside; cancelled in the end."""
        ...

    async def revive(self) -> None:
        """After a signal that the whole run got, as a terminal sends it: be there again, where that can be."""
        ...


@asynccontextmanager
async def redis_of(kind: str, rng: random.Random) -> AsyncIterator[RedisFaults]:
    """`single`, `sentinel` or `cluster`, up and empty."""
    if kind == "single":
        with RedisServer(aof=True, **OPTIONS) as server:
            yield OneRedis(server, rng)
    else:
        group = RedisCluster(SHARDS, aof=True, **OPTIONS) if kind == "cluster" else RedisGroup(aof=True, **OPTIONS)
        with group:
            yield Replicated(group, rng)


class OneRedis:
    per_minute: Mapping[str, float] = {"redis killed": 1.5, "power cut": 1.5}

    def __init__(self, server: RedisServer, rng: random.Random) -> None:
        self.url = server.url
        self.nodes = [server]
        self._rng = rng
        self._written: deque[tuple[float, Path, int]] = deque()
        """Second, log and size: what the log of Redis was in the last second."""

    async def inflict(self, kind: str) -> None:
        (server,) = self.nodes
        server.kill()
        if kind == "power cut":
            self._cut_log()
        try:
            await asyncio.sleep(self._rng.uniform(*AWAY_S))
        finally:  # also where the run is stopped meanwhile
            await asyncio.to_thread(server.start)

    async def watch(self) -> None:
        while True:
            with suppress(FileNotFoundError):  # Redis has just rewritten it
                log = self._log()
                self._written.append((time.monotonic(), log, log.stat().st_size))
            while self._written and self._written[0][0] < time.monotonic() - POWER_CUT_S:
                self._written.popleft()
            await asyncio.sleep(LOOK_S)

    async def revive(self) -> None:
        (server,) = self.nodes
        await asyncio.to_thread(server.restart)

    def _cut_log(self) -> None:
        """What was rewritten meanwhile is on the disk."""
        log = self._log()
        size = log.stat().st_size
        before = [was for at, one, was in self._written if one == log and at > time.monotonic() - POWER_CUT_S]
        with log.open("r+b") as tail:
            tail.truncate(self._rng.randint(min(before, default=size), size))

    def _log(self) -> Path:
        """The newest one: while Redis rewrites it, there are two."""
        (server,) = self.nodes
        return max((server.folder / "appendonlydir").glob("*.incr.aof"), key=lambda log: log.stat().st_mtime)


class Replicated:
    """With Sentinel, or in a cluster."""

    def __init__(self, group: RedisCluster | RedisGroup, rng: random.Random) -> None:
        self.url = group.url
        moves = {"shard moved": 12.0} if isinstance(group, RedisCluster) else {}
        self.per_minute: Mapping[str, float] = {"primary killed": 3.0, "planned failover": 3.0, **moves}
        self._group = group
        self._rng = rng

    @property
    def nodes(self) -> list[RedisServer]:
        return [node for node in self._group.nodes if node.running]

    async def inflict(self, kind: str) -> None:
        await asyncio.to_thread(self._inflict, kind, self._rng.randrange(self._group.shards))

    async def watch(self) -> None:
        """There is nothing to know."""

    async def revive(self) -> None:
        """Who is primary would have to be decided anew."""

    def _inflict(self, kind: str, shard: int) -> None:
        group = self._group
        if kind == "shard moved":
            assert isinstance(group, RedisCluster)
            group.move(shard)
            return
        primary = group.primary_of(shard)
        if kind == "planned failover":
            group.hand_over(primary)
            return
        group.fail_over(primary)
        time.sleep(self._rng.uniform(*AWAY_S))
        group.bring_back(primary)
