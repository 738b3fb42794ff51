"""A client of redis-py with fewer steps: answers belong to their questions, whatever became of those before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from redis.exceptions import InvalidResponse, ResponseError

from speakerline.shared.runtime.connection import Shard, connect
from tests.runtime.playing import until


async def test_several_commands_are_answered_in_their_order(redis: Shard) -> None:
    assert await redis.ask(("SET", "a", 1), ("INCR", "a"), ("XREAD", "STREAMS", "none", "0")) == [b"OK", 2, None]


async def test_the_first_answer_that_is_an_error_is_raised_when_all_are_read(redis: Shard) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis.ask(("SET", "a", 1), ("LLEN", "a"), ("GET", "a"), ("NONE",))
    assert await redis.execute_command("GET", "a") == b"1"


async def test_an_error_among_each_answer_is_an_answer(redis: Shard) -> None:
    first, second, third = await redis.ask_each(("SET", "a", 1), ("LLEN", "a"), ("GET", "a"))
    assert (first, third) == (b"OK", b"1") and isinstance(second, ResponseError)


async def test_commands_side_by_side_get_their_own_answers(redis: Shard) -> None:
    await asyncio.gather(*(redis.execute_command("SET", f"k{number}", number) for number in range(50)))
    answers = await asyncio.gather(*(redis.ask(("GET", f"k{number}"), ("ECHO", number)) for number in range(50)))
    assert answers == [[b"%d" % number] * 2 for number in range(50)]


async def test_nobody_gets_the_answer_to_a_question_that_was_given_up(redis: Shard) -> None:
    asking = asyncio.create_task(redis.ask(("BLPOP", "empty", 60), ("ECHO", "late")))
    await until(lambda: _blocked(redis))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await redis.execute_command("RPUSH", "empty", "late")
    assert [await redis.execute_command("ECHO", number) for number in range(3)] == [b"0", b"1", b"2"]


async def test_a_connection_that_the_server_closed_is_made_anew_before_the_next_command(redis: Shard) -> None:
    other, ids = connect(redis.address.url), []
    for _ in range(3):
        ids.append(await redis.execute_command("CLIENT", "ID"))
        await other.execute_command("CLIENT", "KILL", "ID", ids[-1])
        await until(lambda: _is_gone(other, ids[-1]))
    assert len(set(ids)) == 3
    await other.aclose()


async def test_after_bytes_that_are_no_answer_the_next_command_has_a_connection_of_its_own(redis_url: str) -> None:
    async with garbling(redis_url, b"$4\r\nevil", b"?4\r\nevil") as url:
        redis = connect(url)
        with pytest.raises(InvalidResponse):
            await redis.ask(("ECHO", "good"), ("ECHO", "evil"))
        assert await redis.execute_command("ECHO", "good") == b"good"
        await redis.aclose()


async def test_what_the_system_does_not_take_at_once_is_sent_all_the_same(redis: Shard) -> None:
    large = bytes(range(256)) * 100_000
    assert await redis.ask(("SET", "large", large), ("STRLEN", "large")) == [b"OK", len(large)]
    assert await redis.execute_command("GET", "large") == large


@asynccontextmanager
async def garbling(url: str, right: bytes, wrong: bytes) -> AsyncIterator[str]:
    """The address of something on the way to that Redis that puts one thing for another in its answers."""
    address = urlsplit(url)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: bytes, to: bytes) -> None:
        while some := await reader.read(1 << 16):
            writer.write(some.replace(change, to))
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection(address.hostname, address.port)
        await asyncio.gather(pass_on(reader, questions, wrong, wrong), pass_on(answers, writer, right, wrong))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def _blocked(redis: Shard) -> bool:
    return int((await redis.info("clients"))["blocked_clients"]) > 0


async def _is_gone(redis: Shard, client_id: int) -> bool:
    return f"id={client_id} " not in (await redis.execute_command("CLIENT", "LIST")).decode()
