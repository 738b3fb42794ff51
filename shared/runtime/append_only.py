"""Rewrites the append-only file after an erasure: until then it holds the commands that wrote what was erased.

erased ──> due? ──no pause──> BGREWRITEAOF, pause
             └──pause──────> due stays, and a worker of the aggregator looks again at each heartbeat
"""

from redis.exceptions import ResponseError

from speakerline.shared.keys import REWRITE_DUE, REWRITE_PAUSE
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard

EVERY_S = 60
"""From one rewrite to the next: each writes all that Redis holds to the disk."""

FLUSHED_WITHIN_S = 2.0
"""With `appendfsync everysec`: a flush a second, and the next one may wait for it."""

LATER = f"the append-only file of Redis, which is rewritten once in {EVERY_S} s"


async def rewrite(redis: Shard) -> str:
    """Something was erased. Gives what still holds it, in words for people; empty where in a moment nothing does."""
    try:
        if not (await redis.info("persistence")).get("aof_enabled"):
            return ""
        return "" if await _start(redis, erased="1") else LATER
    except ResponseError as error:
        return f"the append-only file of Redis, until its next rewrite, which may not be started here: {error}"


async def rewrite_if_due(redis: Shard) -> None:
    """Start the rewrite for which an erasure waits, if any."""
    await _start(redis, erased="")


async def _start(redis: Shard, erased: str) -> bool:
    """False where it has to wait."""
    if await _due(redis, erased) == b"NOW":
        try:
            await redis.execute_command("BGREWRITEAOF")
            return True
        except ResponseError as error:
            if "already in progress" not in str(error):
                raise
        await _due(redis, "1")
    return False


async def _due(redis: Shard, erased: str) -> bytes:
    return bytes(await scripts.run(redis, "due", [REWRITE_DUE, REWRITE_PAUSE], EVERY_S, erased))


async def flushed_within_s(redis: Shard) -> float:
    """After how long what was written now survives a power cut; 0 where it does at once, or where it never will."""
    try:
        told = await redis.config_get("append*")
    except ResponseError:  # as where Redis is rented
        return FLUSHED_WITHIN_S
    late = told.get("appendonly") == "yes" and told.get("appendfsync") == "everysec"
    return FLUSHED_WITHIN_S if late else 0.0
