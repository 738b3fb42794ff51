"""Erases a call: its sound, its events, the state of every stage, and its events in the firehose."""

from redis.asyncio import Redis

from shared.codec import InvalidEvent, MAX_CHANNELS, read_call
from shared.keys import CALLS, FIREHOSE, check_call_id, meta_key
from shared.runtime import scripts
from shared.runtime.commit import all_keys
from shared.runtime.connection import pairs


async def forget(redis: "Redis[bytes]", call_id: str) -> int:
    """Delete everything that Redis holds of a call, also while it runs. Gives how many keys and entries went."""
    announced = await redis.hget(meta_key(check_call_id(call_id)), "call")
    try:
        channels = read_call(announced or b"").channels
    except InvalidEvent:
        channels = MAX_CHANNELS
    deleted = int(await scripts.run(redis, "forget", [CALLS, *all_keys(call_id, channels)]))
    return deleted + await _forget_in_firehose(redis, call_id.encode())


async def _forget_in_firehose(redis: "Redis[bytes]", call_id: bytes) -> int:
    deleted, last = 0, "-"
    while entries := await redis.execute_command("XRANGE", FIREHOSE, last, "+", "COUNT", 1000):
        ids = [raw_id for raw_id, flat in entries if pairs(flat).get(b"call_id") == call_id]
        if ids:
            deleted += await redis.xdel(FIREHOSE, *ids)
        last = f"({entries[-1][0].decode()}"
    return deleted
