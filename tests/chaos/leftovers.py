"""What should be gone or bounded once every call is done, and is not: keys, leases, dead letters, erased calls."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from speakerline.shared.addresses import addresses
from speakerline.shared.keys import CALLS, REWRITE_DUE, dead_key, shard_of
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, connect
from tests.chaos.plan import Plan
from tests.chaos.redis_faults import RedisFaults
from tests.runtime.playing import until

LASTING = re.compile(r"calls|timeline|rewrite:(due|run)|calls:wake:\w+|voiceprints")
"""Keys that may be without a lifetime when no call runs, as shared/keys.py has them."""
PAGE = 500
REWRITTEN_WITHIN_S = 4.0 * append_only.EVERY_S


async def left_in_redis(redis: RedisFaults, plan: Plan, within_s: float) -> list[str]:
    """A line for each such thing that is still there after so long."""
    problems = []
    for address in addresses(redis.url):
        shard = connect(address)
        until_s = time.monotonic() + within_s
        while (found := await _leftovers(shard, plan)) and time.monotonic() < until_s:
            await asyncio.sleep(0.2)
        problems += [f"{shard.prefix}{problem}" for problem in found]
        if plan.forgotten:
            problems += await _erased_bytes(shard, redis.nodes[0].folder, plan)
        await shard.aclose()
    return problems


async def _leftovers(redis: Shard, plan: Plan) -> list[str]:
    problems = []
    if announcements := await redis.xlen(redis.key(CALLS)):
        problems.append(f"{announcements} announcements are still there")
    for group in await redis.xinfo_groups(redis.key(CALLS)):
        if group["pending"]:
            problems.append(f"{group['pending']} leases of {group['name']!r} are still held")
    endless = [
        key async for key in _keys(redis) if not LASTING.fullmatch(key) and await redis.ttl(redis.key(key)) == -1
    ]
    if endless:
        problems.append(f"{len(endless)} keys without expiry, such as {endless[0]!r}")
    here = [one for one in plan.lasting if shard_of(one.call.call_id, redis.address.shards) == redis.address.number]
    letters = sum([await redis.xlen(redis.key(dead_key(one.call.call_id))) for one in here])
    poisoned = sum(one.poisoned for one in here)
    if letters != poisoned:
        problems.append(f"{letters} dead letters, expected {poisoned}")
    if len(await redis.xinfo_groups(redis.key(CALLS))) != len(PIPELINE):
        problems.append("a group is missing")
    return problems


async def _erased_bytes(redis: Shard, folder: Path, plan: Plan) -> list[str]:
    """Where the id of an erased call lies: the name or content of a key, the slow commands, the append-only file."""
    await until(lambda: _is_rewritten(redis), REWRITTEN_WITHIN_S)
    ids = "|".join(re.escape(one.call.call_id) for one in plan.forgotten)
    erased = re.compile(rf"({ids})(?!\d)".encode())
    places = [
        key async for key in _keys(redis) if erased.search(key.encode() + (await redis.dump(redis.key(key)) or b""))
    ]
    places += ["the slow commands"] if erased.search(str(await redis.slowlog_get(PAGE)).encode()) else []
    files = (folder / "appendonlydir").iterdir()
    places += [file.name for file in files if erased.search(await asyncio.to_thread(file.read_bytes))]
    return [f"erased calls are still in {', '.join(places[:5])} and so on, {len(places)} in all"] if places else []


async def _is_rewritten(redis: Shard) -> bool:
    await append_only.rewrite_if_due(redis)
    rewriting = (await redis.info("persistence"))["aof_rewrite_in_progress"]
    return not rewriting and not await redis.exists(redis.key(REWRITE_DUE))


async def _keys(redis: Shard) -> AsyncIterator[str]:
    """Names, of the shard."""
    async for key in redis.scan_iter(match=redis.key("*"), count=PAGE):
        yield key.decode().removeprefix(redis.prefix)
