"""What a worker tells operators beside its work: how long calls have waited, and how Redis is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from redis.exceptions import ResponseError

from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, is_outage
from speakerline.shared.runtime.dangers import dangers_in
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.redis_clock import RedisClock

EVERY_S = 1.0
SERVER_EVERY_S = 15.0
"""INFO costs Redis more than any other command here."""

_WRITES = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


@dataclass(frozen=True, slots=True)
class Server:
    """How a Redis is; bytes, and kinds of writing to disk that failed the last time."""

    memory: int = 0
    max_memory: int = 0
    evicted: int = 0
    write_errors: int = 0


class Observer:
    """Of one shard; `calls` is its table."""

    def __init__(self, redis: Shard, calls: Mapping[bytes, OwnedCall], clock: RedisClock, log: Log) -> None:
        self.oldest_commit_s = self.oldest_entry_s = 0.0
        self.server = Server()
        self._redis = redis
        self._calls = calls
        self._clock = clock
        self._log = log
        self._dangers: list[str] | None = None
        """At the last look; those of the first one are told by who joins."""
        self._moved: dict[bytes, tuple[int, float]] = {}
        self._server_at = float("-inf")

    @property
    def silent_s(self) -> float:
        """Since Redis answered."""
        return time.monotonic() - self._clock.heard_at

    async def look(self) -> None:
        """Find out how all is. Raises what Redis raised in an outage."""
        now = time.monotonic()
        self.oldest_commit_s = self._longest_without_commit(now)
        self.oldest_entry_s = self._oldest_entry()
        if now - self._server_at >= SERVER_EVERY_S:
            self._server_at = now
            await self._look_at_server()

    def _longest_without_commit(self, now: float) -> float:
        """Seconds; a call that has nothing to do waits for nothing."""
        moved = {}
        for entry, call in self._calls.items():
            version, since = self._moved.get(entry, (call.work.version, now))
            if call.work.version != version or not call.busy:
                since = now
            moved[entry] = (call.work.version, since)
        self._moved = moved
        return max((now - since for _, since in moved.values()), default=0.0)

    def _oldest_entry(self) -> float:
        arrivals = [call.work.oldest_arrival for call in self._calls.values()]
        now = self._clock.now()
        return max((now - arrived_at for arrived_at in arrivals if arrived_at), default=0.0)

    async def _look_at_server(self) -> None:
        try:
            told = await self._redis.info()
        except ResponseError as error:
            if is_outage(error):
                raise
            return  # we may not ask
        dangers = dangers_in(told, self._redis.finder is not None)
        before, self._dangers = self._dangers, dangers
        for danger in dangers:
            if before is not None and danger not in before:
                self._log.warning("redis may lose calls", danger=danger)
        failed = sum(told.get(write, "ok") != "ok" for write in _WRITES)
        self.server = Server(told.get("used_memory", 0), told.get("maxmemory", 0), told.get("evicted_keys", 0), failed)
