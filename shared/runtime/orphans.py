"""Keys of no call, such as sound that was never announced, or was written after the end: they get a lifetime.

A look at some keys at each heartbeat comes round all of them. Whoever announces the call after all lifts the lifetime.
"""

import re
from collections import defaultdict

from redis.asyncio import Redis

from speakerline.shared.codec import announced_id
from speakerline.shared.keys import CALLS, meta_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import pairs

LOOKED_AT = 500
"""Keys at a time."""

_OF_A_CALL = re.compile(rb"call:\{([^{}]*)\}:.+", re.DOTALL)


class Orphans:
    """`ttl_s`: how long such keys stay."""

    def __init__(self, redis: Redis, ttl_s: int, log: Log) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._log = log
        self._cursor = 0

    async def look(self) -> None:
        """Look at some keys, and go on from there next time."""
        answer = await self._redis.execute_command("SCAN", self._cursor, "MATCH", "call:{*", "COUNT", LOOKED_AT)
        self._cursor, keys = int(answer[0]), list(answer[1])
        for call_id, lasting in (await self._suspects(keys)).items():
            count = await scripts.run(self._redis, "orphan", [meta_key(call_id), *lasting], self._ttl_s)
            if count:
                self._log.warning("keys of no call get a lifetime", call_id=call_id, keys=count, ttl_s=self._ttl_s)

    async def _suspects(self, keys: list[bytes]) -> dict[str, list[bytes]]:
        """Of these keys those that last, of calls that are neither announced nor taken, by call."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for key, ttl in zip(keys, await self._lifetimes(keys), strict=True):
            if ttl == -1 and (match := _OF_A_CALL.fullmatch(key)):
                found[match[1].decode(errors="surrogateescape")].append(key)
        taken = await self._lifetimes([meta_key(call_id) for call_id in found])
        suspects = {call_id: found[call_id] for call_id, ttl in zip(found, taken, strict=True) if ttl != -1}
        if not suspects:
            return {}
        announced = {announced_id(pairs(flat).get(b"event", b"")) for _, flat in await self._announcements()}
        return {call_id: lasting for call_id, lasting in suspects.items() if call_id not in announced}

    async def _lifetimes(self, keys: "list[bytes] | list[str]") -> list[int]:
        asking = self._redis.pipeline(transaction=False)
        for key in keys:
            asking.ttl(key)
        return list(await asking.execute()) if keys else []

    async def _announcements(self) -> "list[tuple[bytes, list[bytes]]]":
        return list(await self._redis.execute_command("XRANGE", CALLS, "-", "+"))
