"""Waits until timelines have ended, as long as their calls move: a slow machine is no hang."""

import asyncio
import time
from collections.abc import Collection

from redis.asyncio import Redis

from speakerline.shared.keys import stage_key
from speakerline.shared.pipeline import AGGREGATOR, PIPELINE
from speakerline.shared.runtime.connection import connect
from tests.runtime.playing import outliving

STILL_S = 300.0
"""Without a commit of any stage on any of the calls: one is lost then. A long utterance may take minutes."""
LOOK_S = 0.5


async def settle(url: str, call_ids: Collection[str], still_s: float = STILL_S) -> None:
    """Returns when every timeline has ended, or nothing has moved for so long."""
    redis = connect(url)
    try:
        moved_at, before = time.monotonic(), -1
        while time.monotonic() - moved_at < still_s:
            commits, ended = await outliving(lambda: _look(redis, call_ids))
            if ended == len(call_ids):
                return
            if commits != before:
                moved_at, before = time.monotonic(), commits
            await asyncio.sleep(LOOK_S)
    finally:
        await redis.aclose()


async def _look(redis: Redis, call_ids: Collection[str]) -> tuple[int, int]:
    """How many commits all stages have made on these calls, and how many of the timelines have ended."""
    asking = redis.pipeline(transaction=False)
    for call_id in call_ids:
        for spec in PIPELINE:
            asking.hmget(stage_key(call_id, spec.name), "version", "finished")
    answers = await asking.execute()
    commits = sum(int(version or 0) for version, _ in answers)
    last = PIPELINE.index(AGGREGATOR)
    return commits, sum(bool(finished) for _, finished in answers[last :: len(PIPELINE)])
