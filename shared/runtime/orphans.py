"""Keys of no call, such as sound that was never announced, or was written after the end: they get a lifetime.

A look at some keys at each heartbeat comes round all of them. Whoever announces the call after all lifts the lifetime.
Ids are ASCII, so keys that are not are left alone.
"""

import re
from collections import defaultdict

from speakerline.shared.codec import announced_id
from speakerline.shared.keys import CALLS, meta_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, pairs

LOOKED_AT = 500
"""Keys at a time."""

_OF_A_CALL = re.compile(r"call:\{([^{}]*)\}:.+", re.DOTALL)


class Orphans:
    """`ttl_s`: how long such keys stay."""

    def __init__(self, redis: Shard, ttl_s: int, log: Log) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._log = log
        self._cursor = 0

    async def look(self) -> None:
        """Look at some keys, and go on from there next time."""
        words = ("SCAN", self._cursor, "MATCH", self._redis.key("call:{*"), "COUNT", LOOKED_AT)
        answer = await self._redis.execute_command(*words)
        self._cursor, keys = int(answer[0]), [self._name(key) for key in answer[1] if key.isascii()]
        for call_id, lasting in (await self._suspects(keys)).items():
            count = await scripts.run(self._redis, "orphan", [meta_key(call_id), *lasting], self._ttl_s)
            if count:
                self._log.warning("keys of no call get a lifetime", call_id=call_id, keys=count, ttl_s=self._ttl_s)

    def _name(self, key: bytes) -> str:
        return key.decode().removeprefix(self._redis.prefix)

    async def _suspects(self, keys: list[str]) -> dict[str, list[str]]:
        """Of these keys those that last, of calls that are neither announced nor taken, by call."""
        found: dict[str, list[str]] = defaultdict(list)
        for key, ttl in zip(keys, await self._lifetimes(keys), strict=True):
            if ttl == -1 and (match := _OF_A_CALL.fullmatch(key)):
                found[match[1]].append(key)
        metas = [meta_key(call_id) for call_id in found]
        taken = [
            ttl == -1 and kind == b"hash"
            for ttl, kind in zip(await self._lifetimes(metas), await self._types(metas), strict=True)
        ]
        suspects = {call_id: found[call_id] for call_id, goes_on in zip(found, taken, strict=True) if not goes_on}
        if not suspects:
            return {}
        announced = {announced_id(pairs(flat).get(b"event", b"")) for _, flat in await self._announcements()}
        return {call_id: lasting for call_id, lasting in suspects.items() if call_id not in announced}

    async def _lifetimes(self, keys: list[str]) -> list[int]:
        asking = self._redis.pipeline(transaction=False)
        for key in keys:
            asking.ttl(self._redis.key(key))
        return list(await asking.execute()) if keys else []

    async def _types(self, keys: list[str]) -> list[bytes]:
        asking = self._redis.pipeline(transaction=False)
        for key in keys:
            asking.type(self._redis.key(key))
        return list(await asking.execute()) if keys else []

    async def _announcements(self) -> "list[tuple[bytes, list[bytes]]]":
        return list(await self._redis.execute_command("XRANGE", self._redis.key(CALLS), "-", "+"))
