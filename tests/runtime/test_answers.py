"""Answers of Redis that come together are read without a timer for each, and are what they would be."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio.connection as of_redis
from redis.exceptions import BusyLoadingError, ResponseError

from speakerline.shared.runtime.connection import Shard, connect

MANY = 500


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Shard]:
    redis = connect(redis_url)
    yield redis
    await redis.aclose()


async def test_answers_that_have_come_need_no_timer(redis: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[float] = []
    timeout = of_redis.async_timeout  # type: ignore[attr-defined]

    def counted(after_s: float) -> Any:
        timers.append(after_s)
        return timeout(after_s)

    await redis.set("n", 0)
    commands = redis.pipeline(transaction=False)
    for _ in range(MANY):
        commands.incr("n")
    monkeypatch.setattr(of_redis, "async_timeout", counted)
    assert await commands.execute() == list(range(1, MANY + 1))
    assert 0 < len(timers) < MANY / 5


async def test_an_answer_that_is_an_error_is_that_of_its_command_alone(redis: Shard) -> None:
    await redis.set("text", "a")
    commands = redis.pipeline(transaction=False)
    for _ in range(3):
        commands.incr("text")
        commands.set("n", 1)
        commands.xrange("missing")
    answers = await commands.execute(raise_on_error=False)
    assert [isinstance(answer, ResponseError) for answer in answers] == [True, False, False] * 3
    assert [answers[1], answers[2]] == [True, []]
    with pytest.raises(ResponseError, match="not an integer"):
        await redis.incr("text")


async def test_an_answer_that_ends_the_connection_does_so_where_it_was_at_hand(redis: Shard) -> None:
    await redis.ping()
    connection: Any = redis.connection_pool._available_connections[0]
    connection._parser._reader.feed(b"-LOADING Redis is loading the dataset in memory\r\n")
    with pytest.raises(BusyLoadingError):
        await connection.read_response()
    assert not connection.is_connected
    assert await redis.ping()


async def test_what_has_come_in_part_is_waited_for(redis: Shard) -> None:
    await redis.hset("long", mapping={f"f{n}": "x" * 1000 for n in range(300)})
    commands = redis.pipeline(transaction=False)
    for _ in range(5):
        commands.hgetall("long")
    assert [len(answer) for answer in await commands.execute()] == [300] * 5
