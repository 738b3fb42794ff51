"""A Redis that may lose calls is named at the start, by workers in their log and by commands on the screen."""

import asyncio
from collections.abc import Callable

import pytest

from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.dangers import dangers_in, dangers_of
from speakerline.tools.cli.redis_option import check_redis
from tests.redis_server import RedisServer
from tests.runtime.playing import until, working

NewServer = Callable[..., RedisServer]

POLICIES = (
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)
SAID = "maxmemory-policy is {}: a full Redis deletes calls, expected noeviction"


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_policy_that_evicts_calls_is_named(new_redis_server: NewServer, policy: str) -> None:
    redis = connect(new_redis_server(maxmemory_policy=policy).url)
    assert await dangers_of(redis) == [SAID.format(policy)]
    await redis.aclose()


async def test_a_redis_that_is_as_it_should_be_or_may_not_be_asked_has_none(new_redis_server: NewServer) -> None:
    server = new_redis_server()
    redis = connect(server.url)
    assert await dangers_of(redis) == []
    server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    server.command("ACL", "SETUSER", "default", "-info")
    assert await dangers_of(redis) == []
    await redis.aclose()


@pytest.mark.parametrize(("version", "old"), [("6.0.16", True), ("6.2.0", False), ("7.0.15", False), ("10.0", False)])
def test_a_redis_older_than_the_floor_is_named(version: str, old: bool) -> None:
    expected = [f"version is {version}: expected 6.2 or newer"] if old else []
    assert dangers_in({"redis_version": version, "maxmemory_policy": "noeviction"}) == expected


async def test_workers_say_it_once_they_have_joined_and_again_after_redis_was_replaced(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    def said() -> list[str]:
        return [record.fields["danger"] for record in caplog.records if record.message == "redis may lose calls"]  # type: ignore[attr-defined]

    server = new_redis_server(maxmemory_policy="allkeys-lru")
    async with working(server.url) as workers:
        await until(lambda: len(said()) == len(workers))
        await asyncio.to_thread(server.restart)
        await until(lambda: len(said()) == 2 * len(workers))
    assert set(said()) == {SAID.format("allkeys-lru")}


async def test_workers_say_it_where_it_becomes_so_while_they_run(
    redis_url: str, redis: Shard, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.observing.SERVER_EVERY_S", 0.0)
    monkeypatch.setattr("speakerline.shared.runtime.shard_worker.EVERY_S", 0.05)

    def said() -> list[str]:
        return [record.fields["danger"] for record in caplog.records if record.message == "redis may lose calls"]  # type: ignore[attr-defined]

    try:
        async with working(redis_url, [VAD]) as (worker,):
            await until(lambda: worker.shards[0].observer.server.memory)
            await redis.config_set("maxmemory-policy", "allkeys-lru")
            await until(said)
            await asyncio.sleep(0.3)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert said() == [SAID.format("allkeys-lru")], "once"


async def test_commands_say_it(new_redis_server: NewServer, capsys: pytest.CaptureFixture[str]) -> None:
    server = new_redis_server(maxmemory_policy="volatile-ttl")
    await check_redis(server.url)
    assert capsys.readouterr().err == f"speakerline: Redis at {server.url}: {SAID.format('volatile-ttl')}\n"
