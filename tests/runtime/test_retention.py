"""The firehose has an age: older events leave it, with their bytes, and younger ones stay."""

import dataclasses

import pytest

from speakerline.shared.keys import FIREHOSE, REWRITE_DUE
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.retention import Retention
from tests.runtime.playing import FAST_OPTIONS, until, working


async def write(redis: Shard, age_s: float, text: str) -> None:
    seconds, _ = await redis.time()
    await redis.execute_command("XADD", FIREHOSE, f"{int((seconds - age_s) * 1000)}-0", "event", text)


async def test_what_is_older_than_the_age_is_dropped(redis: Shard) -> None:
    for age_s in (7200, 3700, 3500, 5):
        await write(redis, age_s, f"{age_s} s old")
    await redis.xgroup_create(FIREHOSE, "board")
    await Retention(redis, 3600, Log()).keep()
    kept = [flat[1] for _, flat in await redis.execute_command("XRANGE", FIREHOSE, "-", "+")]
    assert kept == [b"3500 s old", b"5 s old"]
    assert [group["name"] for group in await redis.xinfo_groups(FIREHOSE)] == [b"board"]


async def test_the_workers_of_the_aggregator_drop_it_also_where_no_event_comes(redis_url: str, redis: Shard) -> None:
    for age_s in (60, 59, 50):
        await write(redis, age_s, "a word")
    options = dataclasses.replace(FAST_OPTIONS, firehose_age_s=20)
    async with working(redis_url, [AGGREGATOR], options=options):
        await until(lambda: _is_empty(redis))
    assert b"a word" not in (await redis.dump(FIREHOSE) or b"")


async def test_a_redis_that_allows_no_rewrite_is_told_of_and_stops_no_worker(
    redis_url: str, redis: Shard, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.execute_command("ACL", "SETUSER", "worker", "reset", "on", ">pw", "~*", "&*", "+@all", "-bgrewriteaof")
    await redis.set(REWRITE_DUE, "1")
    async with working(redis_url.replace("redis://", "redis://worker:pw@"), [AGGREGATOR]) as (worker,):
        await until(lambda: "the append-only file still holds what was erased" in caplog.messages)
        turned_at = worker.shards[0].progress.turned_at
        await until(lambda: worker.shards[0].progress.turned_at > turned_at)
    await redis.execute_command("ACL", "DELUSER", "worker")


async def _is_empty(redis: Shard) -> bool:
    return bool(await redis.xlen(FIREHOSE) == 0)
