"""Whether a Redis has room: a full one takes no new calls and no new sound, and stages work on (scripts.py)."""

from redis.exceptions import ResponseError

from speakerline.shared.runtime.connection import Shard, is_outage

MB = 1_000_000


async def lack_of_room(redis: Shard) -> str:
    """In words; empty where there is room, or we may not ask. Raises what Redis raises in an outage."""
    try:
        told = await redis.info("memory")
    except ResponseError as error:
        if is_outage(error):
            raise
        return ""
    used, most = told.get("used_memory", 0), told.get("maxmemory", 0)
    if not 0 < most <= used:
        return ""
    return f"Redis is full, {used / MB:.0f} of {most / MB:.0f} MB: new calls and new sound wait"
