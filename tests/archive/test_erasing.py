"""After `forget` no byte of a call is left: in no file of the database, its index and its log, nor in Redis.

Beside every call that is erased lies another that stays, in the same pages.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import Connection, inspect, text

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.shared.client.forget import ARCHIVE_AWAY_S, forget
from speakerline.shared.keys import ARCHIVE, ERASURES
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, connect
from tests.archive.running import Database, running_archive, sqlite_url
from tests.client.test_erasure import EVERYWHERE, MARKING, a_marked_call, is_rewritten, marks, places_of
from tests.redis_server import RedisServer
from tests.runtime.playing import frames_of, play, producing, until, working

STATES = ("vanished", "kept")
STAGES = {**MARKING, AGGREGATOR.name: AggregatorStage()}


def held(folder: Path, state: str) -> dict[str, list[bytes]]:
    """Which marks of a call are in which files, in whatever case the index keeps them."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            if seen := [mark for mark in forms(state) if mark in content]:
                found[path.name] = seen
    return found


def forms(state: str) -> list[bytes]:
    """The marks as they were given, and their words as the full text has them."""
    return [*marks(state), f"word of {state}".encode(), *([b"vanished"] if state == "vanished" else [])]


@pytest.fixture
def server(new_redis_server: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    monkeypatch.setattr(append_only, "EVERY_S", 1)
    return new_redis_server(aof=True, **EVERYWHERE)


async def archive_both(server: RedisServer, database: Database) -> None:
    async with producing(server.url) as producer, working(server.url, stages=STAGES):
        for number, state in enumerate(STATES):
            await play(producer, a_marked_call(state), frames_of(number, 60))
            assert await database.ended(f"callid-of-{state}")


async def test_no_byte_of_an_erased_call_is_left_in_the_files_of_sqlite(server: RedisServer, tmp_path: Path) -> None:
    database, redis = Database(sqlite_url(tmp_path)), connect(server.url)
    async with running_archive(server.url, database.url):
        await archive_both(server, database)
        for state in STATES:
            seen = {mark for marks_of_file in held(tmp_path, state).values() for mark in marks_of_file}
            assert {*marks(state), f"word of {state}".encode()} <= seen, "the test can see them"
        erased = await forget(server.url, "callid-of-vanished")
        assert erased.deleted and not erased.left
        await until(lambda: is_rewritten(redis))
        assert held(tmp_path, "vanished") == {}
        assert await places_of("vanished", redis, server.folder) == {}
        assert held(tmp_path, "kept") and database.snapshot("callid-of-kept")
    assert held(tmp_path, "vanished") == {}
    database.close()
    await redis.aclose()


async def test_an_archive_that_was_away_erases_when_it_is_back(server: RedisServer, tmp_path: Path) -> None:
    database, redis = Database(sqlite_url(tmp_path)), connect(server.url)
    async with running_archive(server.url, database.url):
        await archive_both(server, database)
    await until(lambda: _is_silent(redis))
    erased = await forget(server.url, "callid-of-vanished")
    assert erased.deleted and "when it is back" in erased.left
    async with running_archive(server.url, database.url):
        await until(lambda: held(tmp_path, "vanished") == {})
        await until(lambda: _is_done(redis))
        await until(lambda: is_rewritten(redis))
        await until(lambda: _is_nowhere(redis, server))
    assert database.snapshot("callid-of-kept")
    database.close()
    await redis.aclose()


async def _is_nowhere(redis: Shard, server: RedisServer) -> bool:
    """The archive may ask for another rewrite after the first one: where it has to wait, this starts it."""
    return await is_rewritten(redis) and await places_of("vanished", redis, server.folder) == {}


async def _is_done(redis: Redis) -> bool:
    return not await redis.exists(ERASURES)


async def _is_silent(redis: Redis) -> bool:
    """Whether the archive has told nothing for so long that it counts as away."""
    now_s, _ = await redis.time()
    return bool(now_s - float(await redis.execute_command("HGET", ARCHIVE, "at")) > ARCHIVE_AWAY_S)


async def test_no_table_of_postgresql_holds_an_erased_call(server: RedisServer, database: Database) -> None:
    async with running_archive(server.url, database.url):
        await archive_both(server, database)
        assert rows_with(database, "of-vanished") and rows_with(database, "word of vanished")
        erased = await forget(server.url, "callid-of-vanished")
        assert ("PostgreSQL" in erased.left) == database.url.startswith("postgresql")
        assert rows_with(database, "of-vanished") == rows_with(database, "word of vanished") == []
        assert rows_with(database, "of-kept")


def rows_with(database: Database, mark: str) -> list[str]:
    """The tables that have a row with this text."""
    names = database.ask(lambda connection: inspect(connection).get_table_names())
    assert len(names) > 10
    return [name for name in names if mark in database.ask(partial(whole, name=name))]


def whole(connection: Connection, name: str) -> str:
    """A table as text."""
    rows = connection.execute(text(f"SELECT * FROM {name}")).all()
    values = (
        bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode() for row in rows for value in row
    )
    return b" ".join(values).decode(errors="replace")
