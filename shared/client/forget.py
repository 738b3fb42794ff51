"""Erases a call: its audio, its events, the state of every stage, its announcements, its events in the firehose."""

from redis.asyncio import Redis

from speakerline.shared.codec import MAX_CHANNELS, InvalidEvent, read_call
from speakerline.shared.keys import CALLS, FIREHOSE, REFUSED, check_call_id, forgotten_key, meta_key
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.commit import all_keys
from speakerline.shared.runtime.connection import connect, pairs

MARK_S = 86_400
"""How long the producer of an erased call may not send it again, so that frames it still holds don't bring it back."""

PAGE = 1000


async def forget(url: str, call_id: str) -> int:
    """Erase everything that the Redis at `url` holds of a call, even while it runs.

    Returns the number of keys and stream entries deleted, 0 for an unknown call. Raises InvalidCallId."""
    redis = connect(url)
    try:
        return await _erase(redis, check_call_id(call_id))
    finally:
        await redis.aclose()


async def _erase(redis: Redis, call_id: str) -> int:
    meta = meta_key(call_id)
    announced = await _entries_of(redis, CALLS, call_id)
    keys = [key for key in all_keys(call_id, MAX_CHANNELS) if key != meta]
    deleted = int(await scripts.run(redis, "forget", [CALLS, meta, forgotten_key(call_id), *keys], MARK_S, *announced))
    for stream in (FIREHOSE, REFUSED):
        ids = await _entries_of(redis, stream, call_id)
        deleted += await redis.xdel(stream, *ids) if ids else 0
    return deleted


async def _entries_of(redis: Redis, stream: str, call_id: str) -> list[bytes]:
    """Ids of the entries that concern this call, in a stream of all calls."""
    found: list[bytes] = []
    after = "-"
    while entries := await redis.execute_command("XRANGE", stream, after, "+", "COUNT", PAGE):
        found += [raw_id for raw_id, flat in entries if _call_id(pairs(flat)) == call_id]
        after = f"({entries[-1][0].decode()}"
    return found


def _call_id(fields: dict[bytes, bytes]) -> str:
    if b"call_id" in fields:
        return fields[b"call_id"].decode(errors="replace")
    try:
        return read_call(fields.get(b"event", b"")).call_id
    except InvalidEvent:
        return ""
