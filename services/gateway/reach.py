"""Which shards answer, and which are full: what /readyz, the list of calls and the wallboard say of them."""

import asyncio
from collections.abc import Sequence

from redis.exceptions import RedisError

from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.room import lack_of_room

ANSWER_S = 1.0


class Reach:
    """Of the Redis behind a gateway, which may be several shards."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self._shards)

    async def problems(self) -> dict[int, str]:
        """In words, of each shard that does not answer within a second, by its number."""
        found = await asyncio.gather(*map(_problem_of, self._shards))
        return {shard: problem for shard, problem in enumerate(found) if problem}

    async def full(self) -> dict[int, str]:
        """The same of each that answers, and has no room for new calls and new sound."""
        found = await asyncio.gather(*map(_lack_of, self._shards))
        return {shard: lack for shard, lack in enumerate(found) if lack}


async def _lack_of(shard: Shard) -> str:
    try:
        return await asyncio.wait_for(lack_of_room(shard), ANSWER_S)
    except (RedisError, OSError, asyncio.TimeoutError):
        return ""  # `problems` tells


async def _problem_of(shard: Shard) -> str:
    try:
        await asyncio.wait_for(shard.ping(), ANSWER_S)
    except (RedisError, OSError, asyncio.TimeoutError) as error:
        return f"Redis does not answer: {told(error)}"
    return ""
