"""The append-only file is rewritten after an erasure: at once, later, or not where Redis does not allow it. And once
after each start of Redis."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakerline.shared.client.voiceprints import StoredVoiceprint, erase_voiceprint, store_voiceprint
from speakerline.shared.keys import REWRITE_DUE, REWRITE_PAUSE
from speakerline.shared.pipeline import AGGREGATOR, VAD
from speakerline.shared.runtime import append_only
from speakerline.shared.runtime.connection import Shard, connect
from tests.redis_server import RedisServer
from tests.runtime.playing import outliving, until, working

NewServer = Callable[..., RedisServer]


@pytest.fixture
async def server(new_redis_server: NewServer) -> RedisServer:
    return new_redis_server(aof=True, auto_aof_rewrite_percentage="0")


@pytest.fixture
async def redis(server: RedisServer) -> Any:
    client = connect(server.url)
    yield client
    await client.aclose()


def held(folder: Path) -> bytes:
    """What the append-only files hold."""
    return b"".join(path.read_bytes() for path in folder.rglob("*appendonly*") if path.is_file())


async def write_and_delete(redis: Shard, text: str) -> None:
    await redis.set("key", text)
    await redis.delete("key")


async def test_what_was_deleted_is_gone_from_the_file(redis: Shard, server: RedisServer) -> None:
    await write_and_delete(redis, "secret")
    assert b"secret" in held(server.folder)
    assert await append_only.rewrite(redis) == ""
    await until(lambda: b"secret" not in held(server.folder))


async def test_a_second_rewrite_waits_and_a_worker_of_the_aggregator_starts_it(
    redis: Shard, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await append_only.rewrite(redis) == ""
    await write_and_delete(redis, "secret")
    assert "once in 60 s" in await append_only.rewrite(redis)
    assert 0 < await redis.ttl(REWRITE_PAUSE) <= append_only.EVERY_S
    async with working(server.url, [VAD]):
        await redis.delete(REWRITE_PAUSE)
        await asyncio.sleep(0.5)
        assert await redis.exists(REWRITE_DUE)
    async with working(server.url, [AGGREGATOR]):
        await until(lambda: b"secret" not in held(server.folder))
    assert not await redis.exists(REWRITE_DUE)


async def test_one_that_is_under_way_may_have_begun_too_early(redis: Shard, server: RedisServer) -> None:
    await redis.config_set("rdb-key-save-delay", 600_000_000)
    await redis.set("key", "value")
    await redis.execute_command("BGREWRITEAOF")
    assert "once in 60 s" in await append_only.rewrite(redis)
    assert await redis.exists(REWRITE_DUE)
    server.stop()  # and with it the one under way


async def test_nothing_is_rewritten_where_nothing_was_erased(redis: Shard) -> None:
    await append_only.rewrite_if_due(redis)
    assert not await redis.exists(REWRITE_PAUSE)
    assert (await redis.info("persistence"))["aof_last_rewrite_time_sec"] == -1, "never"


async def begun(redis: Shard) -> int:
    """How many rewrites this run of Redis was told to begin."""
    told = await redis.info("commandstats")
    return int(told["cmdstat_bgrewriteaof"]["calls"]) if "cmdstat_bgrewriteaof" in told else 0


async def finished(redis: Shard) -> bool:
    told = await redis.info("persistence")
    return told["aof_last_rewrite_time_sec"] >= 0 and not told["aof_rewrite_in_progress"]


async def add(redis: Shard, text: str) -> None:
    """Two writes that go together, as a script makes them."""
    async with redis.pipeline(transaction=True) as both:
        both.xadd("log", {"text": text}, id="1-0")
        both.set("other", text)
        await both.execute()


async def log_of(redis: Shard) -> Any:
    return await outliving(lambda: redis.execute_command("XRANGE", "log", "-", "+"))


async def test_half_a_transaction_does_not_come_back_when_redis_starts_the_second_time(
    redis: Shard, server: RedisServer
) -> None:
    await add(redis, "half")
    server.kill()
    server.cut_log(server.log.stat().st_size - len("XEC\r\n"))
    server.start()
    assert await log_of(redis) == []
    await append_only.rewrite_once_started(redis)
    await until(lambda: finished(redis))
    await add(redis, "whole")
    server.restart(crash=True)
    assert await log_of(redis) == [[b"1-0", [b"text", b"whole"]]]


async def test_a_start_needs_one_rewrite(redis: Shard, server: RedisServer) -> None:
    for _ in range(2):
        for _ in range(2):
            await append_only.rewrite_once_started(redis)
            await until(lambda: finished(redis))
        assert await begun(redis) == 1
        server.restart()
        await outliving(redis.ping)


async def test_a_full_redis_needs_no_more_than_one_either(redis: Shard) -> None:
    await redis.config_set("maxmemory", 1)
    for _ in range(2):
        await append_only.rewrite_once_started(redis)
        await until(lambda: finished(redis))
    assert await begun(redis) == 1


async def test_a_worker_of_the_aggregator_begins_it_and_once_more_where_redis_starts_anew(
    redis: Shard, server: RedisServer
) -> None:
    async with working(server.url, [AGGREGATOR]):
        await until(lambda: begun(redis))
        server.restart(crash=True)
        await outliving(redis.ping)
        await until(lambda: begun(redis))
    assert await begun(redis) == 1


async def test_a_worker_that_may_not_begin_it_says_so(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    admin = connect(server.url)
    await admin.execute_command("ACL", "SETUSER", "worker", "reset", "on", ">pw", "~*", "&*", "+@all", "-bgrewriteaof")
    async with working(server.url.replace("redis://", "redis://worker:pw@"), [AGGREGATOR]):
        await until(lambda: "what a power cut has cut in two may come back" in caplog.messages)
    await admin.aclose()


async def test_where_redis_does_not_allow_it_that_is_said(server: RedisServer) -> None:
    admin = connect(server.url)
    rules = ("reset", "on", ">pw", "~*", "+@all", "-bgrewriteaof")
    await admin.execute_command("ACL", "SETUSER", "speakerline", *rules)
    redis = connect(server.url.replace("redis://", "redis://speakerline:pw@"))
    assert "may not be started here" in (left := await append_only.rewrite(redis))
    assert "bgrewriteaof" in left
    assert not await redis.exists(REWRITE_DUE)
    await redis.aclose()
    await admin.aclose()


async def test_a_redis_without_the_file_has_nothing_to_rewrite(redis_url: str) -> None:
    redis = connect(redis_url)
    assert await append_only.rewrite(redis) == ""
    await append_only.rewrite_once_started(redis)
    assert (await redis.info("persistence"))["aof_rewrite_in_progress"] == 0
    assert await begun(redis) == 0
    await redis.aclose()


async def test_an_enrolled_voice_leaves_the_file_too(redis: Shard, server: RedisServer) -> None:
    await store_voiceprint([redis], "Ann Miller", StoredVoiceprint("e", "AAAA", 3.0))
    assert b"Ann Miller" in held(server.folder)
    assert not await erase_voiceprint([redis], "nobody")
    assert b"Ann Miller" in held(server.folder)
    assert await erase_voiceprint([redis], "Ann Miller")
    await until(lambda: b"Ann Miller" not in held(server.folder))
