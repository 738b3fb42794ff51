"""Rewrites the append-only file: after an erasure, because until then it holds the commands that wrote what was erased,
and after a start of Redis, because a power cut may have left half a transaction at its end.

erased ──> due? ──no pause──> BGREWRITEAOF, pause
             └──pause──────> due stays, and a worker of the aggregator looks again at each heartbeat

started ──> BGREWRITEAOF, once

Redis drops the half as it starts, but cuts the file behind the last of its commands that is whole, and not before the
first. What is written then follows a MULTI without an EXEC, and the next start of Redis runs the half after all: events
and fields of a commit that was lost, among those that took its place. https://github.com/valkey-io/valkey/pull/4342
"""

from redis.exceptions import ResponseError

from speakerline.shared.keys import REWRITE_DUE, REWRITE_PAUSE, REWRITE_RUN
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


async def rewrite_once_started(redis: Shard) -> None:
    """Start the one that each start of Redis needs, unless it was started before."""
    told = await redis.info()
    run = str(told.get("run_id", "")).encode()
    if told.get("aof_enabled") and await redis.get(redis.key(REWRITE_RUN)) != run:
        await _begin(redis)  # one that is under way will do: it began after Redis did
        await scripts.run(redis, "rewritten", [REWRITE_RUN], run)


async def _start(redis: Shard, erased: str) -> bool:
    """False where it has to wait."""
    if await _due(redis, erased) == b"NOW":
        if await _begin(redis):
            return True
        await _due(redis, "1")
    return False


async def _begin(redis: Shard) -> bool:
    """False where one is under way already."""
    try:
        await redis.execute_command("BGREWRITEAOF")
    except ResponseError as error:
        if "already in progress" not in str(error):
            raise
        return False
    return True


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
