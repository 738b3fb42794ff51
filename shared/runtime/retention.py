"""What the aggregator's workers do at each heartbeat: they drop old events of the firehose, end erasures, and have the
append-only file rewritten where Redis has started anew."""

from collections.abc import Awaitable, Callable

from redis.exceptions import ResponseError

from speakerline.shared.failures import told
from speakerline.shared.keys import FIREHOSE
from speakerline.shared.logs import Log
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, is_outage


class Retention:
    """`firehose_age_s`: how long an event stays in the firehose, by the clock of Redis."""

    def __init__(self, redis: Shard, firehose_age_s: float, log: Log) -> None:
        self._redis = redis
        self._age_s = firehose_age_s
        self._log = log
        self._started = True

    def restart(self) -> None:
        """After an outage: Redis may have started anew."""
        self._started = True

    async def keep(self) -> None:
        """Drop what is too old, and rewrite the append-only file where that is due."""
        now_s, _ = await self._redis.time()
        oldest = f"{max(0, int(1000 * (now_s - self._age_s)))}"
        await self._redis.xtrim(self._redis.key(FIREHOSE), minid=oldest, approximate=False)
        await self._rewrite(append_only.rewrite_if_due, "the append-only file still holds what was erased")
        if self._started:
            self._started = False
            await self._rewrite(append_only.rewrite_once_started, "what a power cut has cut in two may come back")

    async def _rewrite(self, start: Callable[[Shard], Awaitable[None]], danger: str) -> None:
        """danger: what is so where Redis does not allow it."""
        try:
            await start(self._redis)
        except ResponseError as error:
            if is_outage(error):
                raise
            self._log.warning(danger, error=told(error))
