"""Keys of no call, such as sound that was never announced, or was written after the end: they get a lifetime.

A look at some keys at each heartbeat comes round all of them:

some keys ──of no call here, lasting, never taken──> suspects ──among the announcements, some a look──> left alone
                                                      └──in none of them──> they get a lifetime, and on to other keys

Whoever announces the call after all lifts the lifetime. Ids are ASCII, so keys that are not are left alone.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Container

from speakerline.shared.codec import announced_id
from speakerline.shared.keys import CALLS, meta_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, pairs

LOOKED_AT = 500
"""Keys at a time."""

READ = 100
"""Announcements at a time, which may be large, and many while calls are silent."""

_OF_A_CALL = re.compile(r"call:\{([^{}]*)\}:.+", re.DOTALL)


class Orphans:
    """`ttl_s`: how long such keys stay. `ours`: ids of the calls that this worker has, silent ones among them."""

    def __init__(self, redis: Shard, ttl_s: int, log: Log, ours: Callable[[], Container[str]] = tuple) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._log = log
        self._ours = ours
        self._cursor = 0
        self._suspected: dict[str, list[str]] = {}
        """Keys by the id of their call."""
        self._read = b"-"
        """How far the announcements were read for those."""

    async def look(self) -> None:
        """Look at some keys, or at more announcements for what was found before."""
        if not self._suspected:
            self._suspected, self._read = await self._suspects(await self._next_keys()), b"-"
        if self._suspected and await self._read_announcements():
            await self._give_lifetimes()

    async def _next_keys(self) -> list[str]:
        words = ("SCAN", self._cursor, "MATCH", self._redis.key("call:{*"), "COUNT", LOOKED_AT)
        answer = await self._redis.execute_command(*words)
        self._cursor = int(answer[0])
        return [self._name(key) for key in answer[1] if key.isascii()]

    async def _give_lifetimes(self) -> None:
        suspected, self._suspected = self._suspected, {}
        for call_id, lasting in suspected.items():
            count = await scripts.run(self._redis, "orphan", [meta_key(call_id), *lasting], self._ttl_s)
            if count:
                self._log.warning("keys of no call get a lifetime", call_id=call_id, keys=count, ttl_s=self._ttl_s)

    def _name(self, key: bytes) -> str:
        return key.decode().removeprefix(self._redis.prefix)

    async def _suspects(self, keys: list[str]) -> dict[str, list[str]]:
        """Of these keys those that last, of calls that were not taken, by call."""
        ours = self._ours()
        named = [(key, match[1]) for key in keys if (match := _OF_A_CALL.fullmatch(key)) and match[1] not in ours]
        found: dict[str, list[str]] = defaultdict(list)
        for (key, call_id), ttl in zip(named, await self._lifetimes([key for key, _ in named]), strict=True):
            if ttl == -1:
                found[call_id].append(key)
        metas = [meta_key(call_id) for call_id in found]
        taken = [
            ttl == -1 and kind == b"hash"
            for ttl, kind in zip(await self._lifetimes(metas), await self._types(metas), strict=True)
        ]
        return {call_id: found[call_id] for call_id, goes_on in zip(found, taken, strict=True) if not goes_on}

    async def _read_announcements(self) -> bool:
        """Suspect no call that is announced here. Whether these were the last announcements."""
        key = self._redis.key(CALLS)
        entries = list(await self._redis.execute_command("XRANGE", key, self._read, "+", "COUNT", READ))
        for _, flat in entries:
            if call_id := announced_id(pairs(flat).get(b"event", b"")):
                self._suspected.pop(call_id, None)
        if entries:
            self._read = b"(" + entries[-1][0]
        return len(entries) < READ

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
