"""Waits until timelines have ended, as long as their calls move: a slow machine is no hang."""

import asyncio
import time
from collections.abc import Collection
from functools import partial

from speakerline.shared.addresses import addresses
from speakerline.shared.keys import shard_of, stage_key
from speakerline.shared.pipeline import AGGREGATOR, PIPELINE
from speakerline.shared.runtime.connection import Shard, connect
from tests.runtime.playing import outliving

STILL_S = 300.0
"""Without a commit of any stage on any of the calls: one is lost then. A long utterance may take minutes."""
LOOK_S = 0.5


async def settle(url: str, call_ids: Collection[str], still_s: float = STILL_S) -> None:
    """Returns when every timeline has ended, or nothing has moved for so long."""
    shards = [connect(address) for address in addresses(url)]
    ids = [[one for one in call_ids if shard_of(one, len(shards)) == number] for number in range(len(shards))]
    try:
        moved_at, before = time.monotonic(), -1
        while time.monotonic() - moved_at < still_s:
            seen = [await outliving(partial(_look, *pair)) for pair in zip(shards, ids, strict=True)]
            commits, ended = (sum(numbers) for numbers in zip(*seen, strict=True))
            if ended == len(call_ids):
                return
            if commits != before:
                moved_at, before = time.monotonic(), commits
            await asyncio.sleep(LOOK_S)
    finally:
        for shard in shards:
            await shard.aclose()


async def _look(shard: Shard, call_ids: Collection[str]) -> tuple[int, int]:
    """How many commits all stages have made on these calls, and how many of the timelines have ended."""
    asking = shard.pipeline(transaction=False)
    for call_id in call_ids:
        for spec in PIPELINE:
            asking.hmget(shard.key(stage_key(call_id, spec.name)), "version", "finished")
    answers = await asking.execute()
    commits = sum(int(version or 0) for version, _ in answers)
    last = PIPELINE.index(AGGREGATOR)
    return commits, sum(bool(finished) for _, finished in answers[last :: len(PIPELINE)])
