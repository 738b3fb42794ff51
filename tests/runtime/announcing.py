"""Calls that are announced as a producer in another language does, here without a log."""

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS
from speakerline.shared.runtime.connection import Shard


async def announce(redis: Shard, call: CallStarted) -> bytes:
    """The id of the announcement."""
    entry: bytes = await redis.execute_command("XADD", CALLS, "*", "event", write_call(call))
    return entry


async def no_announcements(redis: Shard) -> bool:
    """Whether every stage is done with every call."""
    return await redis.xlen(CALLS) == 0
