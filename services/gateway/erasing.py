"""Erases calls that are asked for one by one: those that come while others are erased go together in the next turn.

An erasure writes the firehose anew and waits for the disk, two seconds in all; many calls cost little more than one.
"""

from speakerline.shared.client.forget import Erased, forget_each
from speakerline.shared.keys import shard_of
from speakerline.shared.runtime.batcher import Gatherer

MOST_AT_ONCE = 500


class Erasing:
    """Of the Redis at `url`. Each of its shards has turns of its own, so one that is away fails its own calls alone."""

    def __init__(self, url: str, shards: int) -> None:
        self._url = url
        self._by_shard = [Gatherer(self._erase, MOST_AT_ONCE) for _ in range(shards)]

    async def __call__(self, call_id: str) -> Erased:
        """What was erased of this call. Raises redis errors."""
        return await self._by_shard[shard_of(call_id, len(self._by_shard))](call_id)

    async def _erase(self, call_ids: list[str]) -> list[Erased]:
        erased = await forget_each(self._url, *call_ids)
        return [erased[one] for one in call_ids]
