"""What a worker tells operators beside its work: how long calls have waited, and how Redis is."""

import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from speakerline.shared.runtime.connection import is_outage
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.redis_clock import RedisClock

EVERY_S = 1.0
SERVER_EVERY_S = 15.0
"""INFO costs Redis more than any other command here."""

_WRITES = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


class Observer:
    """`calls` is the worker's own table."""

    def __init__(
        self, redis: Redis, calls: Mapping[bytes, OwnedCall], clock: RedisClock, metrics: StageMetrics
    ) -> None:
        self._redis = redis
        self._calls = calls
        self._clock = clock
        self._metrics = metrics
        self._moved: dict[bytes, tuple[int, float]] = {}
        self._server_at = float("-inf")
        metrics.redis_silent.set_function(lambda: time.monotonic() - clock.heard_at)

    async def look(self) -> None:
        """Set the gauges. Raises what Redis raised in an outage."""
        now = time.monotonic()
        self._metrics.oldest_commit.set(self._longest_without_commit(now))
        self._metrics.oldest_entry.set(self._oldest_entry())
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
        self._metrics.redis_memory.set(told.get("used_memory", 0))
        self._metrics.redis_max_memory.set(told.get("maxmemory", 0))
        self._metrics.redis_evicted.set(told.get("evicted_keys", 0))
        self._metrics.redis_write_errors.set(sum(told.get(write, "ok") != "ok" for write in _WRITES))
