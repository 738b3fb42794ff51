"""What the archive has of a call is what Redis had, whatever came in between."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from redis.asyncio import Redis
from sqlalchemy import select, text

from speakerline.shared.archive.database import open_database
from speakerline.shared.archive.tables import calls, texts, transcripts
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.keys import ARCHIVE, CALLS, FIREHOSE, meta_key, stage_key
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime.connection import connect
from tests.archive.running import Database, running_archive, sqlite_url
from tests.client.spoken_call import aggregating, spoken
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, until, working


def as_json(snapshot: Snapshot) -> object:
    return TypeAdapter(Snapshot).dump_python(snapshot, mode="json", exclude_defaults=True)


async def test_a_call_is_archived_as_redis_has_it(redis_url: str, database: Database) -> None:
    async with (
        running_archive(redis_url, database.url),
        aggregating(redis_url),
        spoken(redis_url, "@acme/desk") as call,
        Subscriber(redis_url) as subscriber,
    ):
        await call.say("hello", "world")
        await call.end()
        archived = await database.ended("@acme/desk")
        assert as_json(archived) == as_json(await subscriber.snapshot("@acme/desk"))


async def test_what_came_while_it_was_away_is_read_when_it_is_back(redis_url: str, database: Database) -> None:
    async with aggregating(redis_url), spoken(redis_url, "a") as call, Subscriber(redis_url) as subscriber:
        async with running_archive(redis_url, database.url):
            await call.say("before")
        await call.say("meanwhile")
        async with running_archive(redis_url, database.url):
            await call.say("after")
            await call.end()
            assert as_json(await database.ended("a")) == as_json(await subscriber.snapshot("a"))


async def test_a_call_that_the_database_refused_once_is_whole_with_what_comes_next(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(sqlite_url(tmp_path))
    async with (
        running_archive(redis_url, database.url),
        aggregating(redis_url),
        spoken(redis_url, "a") as call,
        spoken(redis_url, "b") as other,
        spoken(redis_url, "c") as new,
        Subscriber(redis_url) as subscriber,
    ):
        await call.say("one")
        await until(lambda: database.snapshot("a"))
        engine = open_database(database.url)
        with engine.begin() as connection:
            refuse = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            connection.execute(text(f"CREATE TRIGGER t BEFORE INSERT ON transcripts {refuse}"))
        await call.say("two")
        await new.say("new")
        await until(lambda: caplog.messages.count("call is not archived") >= 2)
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER t"))
        await other.end()
        assert as_json(await database.ended("b")) == as_json(await subscriber.snapshot("b"))
        await call.say("three")
        await call.end()
        assert as_json(await database.ended("a")) == as_json(await subscriber.snapshot("a"))
        await new.end()
        assert as_json(await database.ended("c")) == as_json(await subscriber.snapshot("c"))
        said = database.ask(lambda connection: connection.execute(select(transcripts.c.words)).all())
        assert sorted(word[0] for (words,) in said for word in words) == ["new", "one", "three", "two"]
        found = database.ask(lambda connection: connection.execute(select(texts.c.text)).scalars().all())
        assert sorted(filter(None, found)) == ["new", "one two three"], "and by its words"
    database.close()
    engine.dispose()


async def test_where_the_firehose_was_trimmed_calls_go_on_from_their_snapshots(
    redis_url: str, database: Database
) -> None:
    """One that goes on, one that ended, and one that began and ended, all unseen."""
    redis = connect(redis_url)
    async with aggregating(redis_url), spoken(redis_url, "a") as goes_on, spoken(redis_url, "b") as ended:
        async with running_archive(redis_url, database.url):
            await goes_on.say("seen")
            await ended.say("seen")
        await ended.say("unseen")
        await ended.end()
        async with spoken(redis_url, "c") as whole:
            await whole.say("unseen")
            await whole.end()
        await goes_on.say("unseen")
        await redis.execute_command("XTRIM", FIREHOSE, "MAXLEN", 0)
        async with running_archive(redis_url, database.url), Subscriber(redis_url) as subscriber:
            for call_id in "bc":
                assert as_json(await database.ended(call_id)) == as_json(await subscriber.snapshot(call_id))
            await goes_on.end()
            assert as_json(await database.ended("a")) == as_json(await subscriber.snapshot("a"))
    await redis.aclose()


async def test_a_call_whose_timeline_can_not_be_read_keeps_no_other_out_of_the_archive(
    redis_url: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither while the archive runs nor when it begins, and looks at all calls."""
    redis = connect(redis_url)
    await redis.hset(stage_key("bad", AGGREGATOR.name), "part:head", '{"seq":"many"}')
    await redis.hset(meta_key("bad"), "entry", "1-0")
    await redis.hset(b"call:{\xff}:meta", "entry", "1-0")
    event = '{"call_id":"bad","seq":7,"finalized":{"through_ms":600}}'

    def reasons() -> list[str]:
        return [vars(one)["fields"]["error"] for one in caplog.records if one.message == "events are missing for good"]

    async with aggregating(redis_url), Subscriber(redis_url) as subscriber:
        for call_id in "ab":
            await redis.execute_command("XADD", FIREHOSE, "*", "call_id", "bad", "event", event)
            await redis.execute_command("XTRIM", FIREHOSE, "MAXLEN", 1)
            async with running_archive(redis_url, database.url), spoken(redis_url, call_id) as call:
                await call.say("seen")
                await redis.execute_command("XADD", FIREHOSE, "*", "call_id", "bad", "event", event)
                await call.end()
                assert as_json(await database.ended(call_id)) == as_json(await subscriber.snapshot(call_id))
                await until(reasons)
    assert set(reasons()) == {
        "part head of 14 bytes of a timeline is damaged, or of another version: expected one that this version reads"
    }
    await redis.aclose()


async def test_a_call_that_redis_lost_is_kept_and_the_one_after_it_is_another(
    redis_url: str, database: Database
) -> None:
    redis = connect(redis_url)
    async with running_archive(redis_url, database.url), aggregating(redis_url), spoken(redis_url, "a") as call:
        await call.say("old")
        await call.end()
        await database.ended("a")
        await forget_in_redis(redis)
        await call.announce()
        await call.say("new")
        await call.end()

        def both_are_there() -> bool:
            return len(words_of(database, "a")) == 2

        await until(both_are_there)
        assert words_of(database, "a") == [["old"], ["new"]]
    await redis.aclose()


async def forget_in_redis(redis: Redis) -> None:
    """As an hour does."""
    for key in await redis.keys("call:{a}*"):
        await redis.delete(key)


def words_of(database: Database, call_id: str) -> list[list[str]]:
    """Of each call of this id, in the order of time."""
    said = select(calls.c.id, transcripts.c.words).join(transcripts, transcripts.c.call == calls.c.id)
    rows = database.ask(
        lambda connection: connection.execute(
            said.where(calls.c.call_id == call_id).order_by(calls.c.id, transcripts.c.start_ms)
        ).all()
    )
    found: dict[int, list[str]] = {}
    for archive_id, words in rows:
        found.setdefault(archive_id, []).extend(word[0] for word in words)
    return list(found.values())


async def test_an_ended_call_waits_in_redis_for_an_archive_that_is_away(redis_url: str, database: Database) -> None:
    redis = connect(redis_url)
    options = replace(FAST_OPTIONS, ttl_s=100)
    async with working(redis_url, options=options), producing(redis_url) as producer:
        await play(producer, a_call("without"), frames_of(1, 20))
        await until(lambda: finished(redis))
        assert await all_below(redis, "without", 100)
        async with running_archive(redis_url, database.url, archive_wait_s=5000):
            await database.ended("without")
        await play(producer, a_call("awaited"), frames_of(2, 20))
        await until(lambda: finished(redis))
        assert min(await lives(redis, "awaited")) > 4000
        async with running_archive(redis_url, database.url, archive_wait_s=5000):
            await database.ended("awaited")
            await until(lambda: all_below(redis, "awaited", 100))
        assert await redis.ttl(ARCHIVE) > 6 * 86_400
    await redis.aclose()


async def finished(redis: Redis) -> bool:
    return not await redis.xlen(CALLS)


async def lives(redis: Redis, call_id: str) -> set[int]:
    """Seconds that the keys of a call have left."""
    return {await redis.ttl(key) for key in await redis.keys(f"call:{{{call_id}}}:*")}


async def all_below(redis: Redis, call_id: str, most_s: int) -> bool:
    return all(0 < left <= most_s for left in await lives(redis, call_id))
