"""One archive follows all shards into one database: a position for each, together with the rows that came of it."""

import asyncio
import random

import pytest
from sqlalchemy import select

from speakerline.shared.archive.tables import calls, progress, transcripts
from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.keys import shard_of
from tests.archive.killed import kill, start
from tests.archive.running import Database, running_archive
from tests.archive.test_archive import as_json
from tests.archive.test_killed import count, rows_of
from tests.client.spoken_call import aggregating, spoken
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working

NAMES = ["c0", "c1", "c2", "c3"]
KILLS = 5


@pytest.fixture
def two_shards(redis_url: str) -> str:
    assert {shard_of(name, 2) for name in NAMES} == {0, 1}
    return f"{redis_url}?shards=2"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killed_again_and_again_it_has_the_calls_of_both_once_as_redis_has_them(
    two_shards: str, database: Database
) -> None:
    chance = random.Random(database.url)
    async with working(two_shards), producing(two_shards) as producer, Subscriber(two_shards) as subscriber:
        playing = [
            asyncio.create_task(play(producer, a_call(name), frames_of(number, 60), pause_s=0.03))
            for number, name in enumerate(NAMES)
        ]
        for _ in range(KILLS):
            archive = await asyncio.to_thread(start, two_shards, database.url)
            await asyncio.sleep(0.2 + chance.random())
            await asyncio.to_thread(kill, archive)
        await asyncio.gather(*playing)
        for name in NAMES:
            await timeline(two_shards, name)
        async with running_archive(two_shards, database.url):
            for name in NAMES:
                assert as_json(await database.ended(name)) == as_json(await subscriber.snapshot(name))
    assert count(database, calls) == len(NAMES)
    streams = database.ask(lambda connection: set(connection.execute(select(progress.c.stream)).scalars()))
    assert streams == {"{calls_0}:timeline", "{calls_1}:timeline"}


async def test_calls_of_one_shard_are_not_given_up_because_another_shard_has_none_of_them(
    two_shards: str, database: Database
) -> None:
    """The firehose of the other one is empty, so that the archive looks at all of its calls."""
    one = next(name for name in NAMES if shard_of(name, 2) == 0)
    async with aggregating(two_shards), spoken(two_shards, one) as call:
        async with running_archive(two_shards, database.url):
            await call.say("hello")
            await asyncio.sleep(1)
        async with running_archive(two_shards, database.url):
            await call.say("world")
            await call.end()
            await database.ended(one)
    assert database.ask(lambda connection: connection.execute(select(calls.c.lost)).scalar_one()) is False


async def test_forget_reaches_the_archive_by_the_shard_of_the_call(two_shards: str, database: Database) -> None:
    async with running_archive(two_shards, database.url), aggregating(two_shards):
        for name in NAMES[:2]:
            async with spoken(two_shards, name) as call:
                await call.say("hello")
                await call.end()
                await database.ended(name)
        await forget(two_shards, NAMES[0])
        assert database.snapshot(NAMES[0]) is None and database.snapshot(NAMES[1])
    assert rows_of(database, transcripts, NAMES[1]) == ["w1"]
