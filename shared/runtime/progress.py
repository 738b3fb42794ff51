"""How a worker gets on, for its health: when it moved last, what waits, and whether Redis answers."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from redis.exceptions import RedisError

from speakerline.shared.runtime.committing import Committer
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.heartbeat import Heartbeat
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.room import lack_of_room

ANSWERS_WITHIN_S = 1.0
"""How long Redis may take to answer whoever asks whether the service is ready."""


class Progress:
    """`calls` is the worker's own table."""

    def __init__(
        self, redis: Shard, calls: Mapping[bytes, OwnedCall], committer: Committer, heartbeat: Heartbeat
    ) -> None:
        self.turned_at = time.monotonic()
        """When the loop last came round."""
        self._redis = redis
        self._calls = calls
        self._committer = committer
        self._heartbeat = heartbeat
        self._idle_since = time.monotonic()

    def turned(self) -> None:
        """The loop came round."""
        self.turned_at = time.monotonic()

    def read(self) -> None:
        """Everything that lay there was read, and what came of it is not offered yet."""
        if not self.pending and not self.group_lag:
            self._idle_since = time.monotonic()

    @property
    def pending(self) -> int:
        """Entries in memory that the stage could be given now: not those that wait for another log of their call."""
        busy = [call for call in self._calls.values() if call.driving or call.trust.to_reload]
        return sum(max(1, call.work.waiting) for call in busy)

    @property
    def group_lag(self) -> int:
        """Calls that wait for any worker of the stage."""
        return self._heartbeat.waiting.count

    @property
    def moved_at(self) -> float:
        """When a commit was last accepted, a waiting call was taken by anybody, or nothing was waiting."""
        return max(self._committer.succeeded_at, self._heartbeat.moved_at if self.group_lag else 0.0, self._idle_since)

    async def problem_of_redis(self) -> str:
        """Why Redis can't be used now; empty where it answers in time."""
        try:
            await asyncio.wait_for(self._redis.ping(), ANSWERS_WITHIN_S)
        except asyncio.TimeoutError:
            return f"Redis did not answer within {ANSWERS_WITHIN_S:g} s"
        except RedisError as error:
            return f"Redis can't be reached: {error}"
        return ""

    async def lack_of_room(self) -> str:
        """That Redis is full; empty where it is not, or does not say so in time."""
        with suppress(RedisError, asyncio.TimeoutError):
            return await asyncio.wait_for(lack_of_room(self._redis), ANSWERS_WITHIN_S)
        return ""
