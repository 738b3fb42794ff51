"""The test server itself: what it keeps over a crash, and that the session's server starts every test empty."""

from collections.abc import Callable

import pytest
import redis

from tests.redis_server import RedisServer, RedisServerFailed


def test_a_crash_keeps_what_an_append_only_server_acknowledged(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server(aof=True)
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "1")
    before = server.pid
    server.restart(crash=True)
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"1"
    assert server.pid != before


def test_without_append_only_file_a_restart_is_empty(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server()
    with redis.Redis.from_url(server.unix_url) as client:
        client.set("lost", "1")
    server.restart()
    with redis.Redis.from_url(server.unix_url) as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_starts_on_an_empty_server(redis_server: RedisServer, turn: str) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 0
        client.set(turn, "1")


def test_a_paused_server_answers_again_after_resume(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server()
    server.pause()
    with redis.Redis.from_url(server.url, socket_timeout=0.1, retry=None) as client, pytest.raises(redis.TimeoutError):
        client.ping()
    server.resume()
    assert server.command("PING") == b"+PONG\r\n"


def test_a_wrong_setting_is_named_in_the_error() -> None:
    server = RedisServer(maxmemory="plenty")
    with pytest.raises(RedisServerFailed, match="maxmemory"), server:
        pass
