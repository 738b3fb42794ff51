"""Killed at random moments, again and again, the archive loses nothing and doubles nothing."""

import asyncio
import itertools
import random

import pytest
from sqlalchemy import Table, func, select, text

from speakerline.shared.archive.database import open_database
from speakerline.shared.archive.tables import calls, texts, transcripts, turns
from speakerline.shared.client.subscriber import Subscriber
from tests.archive.killed import kill, start
from tests.archive.running import Database, running_archive
from tests.archive.test_archive import as_json
from tests.client.spoken_call import aggregating, spoken
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working

CALLS = 4
KILLS = 12
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def killed_again_and_again(redis_url: str, database: Database, chance: random.Random) -> None:
    for _ in range(KILLS):
        archive = await asyncio.to_thread(start, redis_url, database.url)
        await asyncio.sleep(chance.choice((0.02, 0.1, 0.3, 1.0)) * (0.5 + chance.random()))
        await asyncio.to_thread(kill, archive)


async def test_whenever_it_is_killed_every_call_is_there_once_as_redis_has_it(
    redis_url: str, database: Database
) -> None:
    names = [f"c{number}" for number in range(CALLS)]
    async with working(redis_url), producing(redis_url) as producer, Subscriber(redis_url) as subscriber:
        playing = [
            asyncio.create_task(play(producer, a_call(name), frames_of(number, 60), pause_s=0.05))
            for number, name in enumerate(names)
        ]
        await killed_again_and_again(redis_url, database, random.Random(database.url))
        await asyncio.gather(*playing)
        for name in names:
            await timeline(redis_url, name)
        async with running_archive(redis_url, database.url):
            for name in names:
                archived = await database.ended(name)
                assert as_json(archived) == as_json(await subscriber.snapshot(name))
                assert rows_of(database, turns, name) == sorted(one.turn_id for one in archived.turns)
                final = sorted(one.transcript_id for one in archived.transcripts if one.final)
                assert rows_of(database, transcripts, name) == final
    assert count(database, calls) == count(database, texts) == CALLS
    if database.url.startswith("sqlite"):
        check_index(database)


async def test_killed_before_any_statement_of_its_transactions(redis_url: str, database: Database) -> None:
    """Each time one statement later, until it lives to the end."""
    async with aggregating(redis_url), Subscriber(redis_url) as subscriber, spoken(redis_url, "a") as call:
        async with running_archive(redis_url, database.url), spoken(redis_url, "earlier") as earlier:
            await earlier.say("hello")
            await until(lambda: database.snapshot("earlier"))  # so that it follows events, and takes no snapshots
        await call.say("hello", "world")
        await call.end()
        whole = as_json(await subscriber.snapshot("a"))
    for die_at in itertools.count(1):
        archive = await asyncio.to_thread(start, redis_url, database.url, die_at)
        await until(lambda: archive.exitcode is not None or is_archived(database, "a"))  # noqa: B023
        snapshot = database.snapshot("a")
        assert snapshot is None or as_json(snapshot) == whole, die_at
        if archive.exitcode is None:
            await asyncio.to_thread(kill, archive)
            break
    assert die_at > 10 and snapshot
    assert rows_of(database, transcripts, "a") == ["w1", "w2"]
    assert (count(database, calls), count(database, texts)) == (2, 2)


def is_archived(database: Database, call_id: str) -> bool:
    snapshot = database.snapshot(call_id)
    return bool(snapshot and snapshot.ended)


def rows_of(database: Database, table: Table, call_id: str) -> list[str]:
    """The ids that a table has of a call."""
    own = list(table.primary_key.columns)[-1]
    chosen = select(own).join(calls, calls.c.id == table.c.call).where(calls.c.call_id == call_id).order_by(own)
    return database.ask(lambda connection: list(connection.execute(chosen).scalars()))


def count(database: Database, table: Table) -> int:
    return database.ask(lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one())


def check_index(database: Database) -> None:
    """FTS5 compares its index with the texts, and fails where they differ."""
    engine = open_database(database.url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO texts_index(texts_index, rank) VALUES ('integrity-check', 1)"))
    engine.dispose()
