"""What should be gone or bounded once every call is done, and is not: keys, leases, dead letters, erased calls."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from redis.asyncio import Redis

from speakerline.shared.keys import CALLS, REWRITE_DUE
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import connect
from tests.chaos.plan import Plan
from tests.redis_server import RedisServer
from tests.runtime.playing import until

LASTING = re.compile(r"calls|timeline|rewrite:due|calls:wake:\w+|voiceprints")
"""Keys that may be without a lifetime when no call runs, as shared/keys.py has them."""
PAGE = 500
REWRITTEN_WITHIN_S = 4.0 * append_only.EVERY_S


async def left_in_redis(server: RedisServer, plan: Plan, within_s: float) -> list[str]:
    """A line for each such thing that is still there after so long."""
    redis = connect(server.url)
    try:
        until_s = time.monotonic() + within_s
        while (problems := await _leftovers(redis, plan)) and time.monotonic() < until_s:
            await asyncio.sleep(0.2)
        return problems + await _erased_bytes(redis, server.folder, plan)
    finally:
        await redis.aclose()


async def _leftovers(redis: Redis, plan: Plan) -> list[str]:
    problems = []
    if announcements := await redis.xlen(CALLS):
        problems.append(f"{announcements} announcements are still there")
    for group in await redis.xinfo_groups(CALLS):
        if group["pending"]:
            problems.append(f"{group['pending']} leases of {group['name']!r} are still held")
    endless = [key async for key in _keys(redis) if not LASTING.fullmatch(key) and await redis.ttl(key) == -1]
    if endless:
        problems.append(f"{len(endless)} keys without expiry, such as {endless[0]!r}")
    letters = sum([await redis.xlen(f"call:{{{one.call.call_id}}}:dead") for one in plan.lasting])
    poisoned = sum(one.poisoned for one in plan.lasting)
    if letters != poisoned:
        problems.append(f"{letters} dead letters, expected {poisoned}")
    if len(await redis.xinfo_groups(CALLS)) != len(PIPELINE):
        problems.append("a group is missing")
    return problems


async def _erased_bytes(redis: Redis, folder: Path, plan: Plan) -> list[str]:
    """Where the id of an erased call lies: the name or content of a key, the slow commands, the append-only file."""
    if not plan.forgotten:
        return []
    await until(lambda: _is_rewritten(redis), REWRITTEN_WITHIN_S)
    ids = "|".join(re.escape(one.call.call_id) for one in plan.forgotten)
    erased = re.compile(rf"({ids})(?!\d)".encode())
    places = [key async for key in _keys(redis) if erased.search(key.encode() + (await redis.dump(key) or b""))]
    places += ["the slow commands"] if erased.search(str(await redis.slowlog_get(PAGE)).encode()) else []
    files = (folder / "appendonlydir").iterdir()
    places += [file.name for file in files if erased.search(await asyncio.to_thread(file.read_bytes))]
    return [f"erased calls are still in {', '.join(places[:5])} and so on, {len(places)} in all"] if places else []


async def _is_rewritten(redis: Redis) -> bool:
    await append_only.rewrite_if_due(redis)
    rewriting = (await redis.info("persistence"))["aof_rewrite_in_progress"]
    return not rewriting and not await redis.exists(REWRITE_DUE)


async def _keys(redis: Redis) -> AsyncIterator[str]:
    async for key in redis.scan_iter(count=PAGE):
        yield key.decode()
