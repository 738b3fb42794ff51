"""What is wrong at the URL of a Redis is told in one line, for every command."""

import socket
import threading
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.runtime import connection
from speakerline.shared.runtime.connection import Shard
from speakerline.tools.cli import redis_option, system_commands
from speakerline.tools.cli.command_line import command_line
from speakerline.tools.cli.redis_option import NoRedis, check_redis, redis_url
from speakerline.tools.failure import Failure, is_told_in_full, one_line


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that answers everything with the same bytes, or with none, and hangs up; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(ConnectionError):  # who was answered may be gone before the answer is
                    while client.recv(1000) and request.param:
                        client.sendall(request.param)

        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("answering", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Redis, or one with TLS"),
        (
            b"",
            "ends the connection: is it a Redis, and does it want TLS (rediss://)? A Redis in protected mode does so",
        ),
        (b"-NOAUTH Authentication required.\r\n", "wrong or missing password"),
    ],
    indirect=["answering"],
)
async def test_what_answers_instead_of_a_redis_is_told(answering: str, message: str) -> None:
    with pytest.raises(Failure, match=r"(at|of) redis://127") as told:
        await check_redis(answering)
    assert message in str(told.value) and "\n" not in str(told.value)


async def test_what_says_nothing_is_not_taken_for_a_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SOCKET_TIMEOUT_S", 0.2)
    silent = pytest.raises(Failure, match="takes connections and says nothing")
    with socket.create_server(("127.0.0.1", 0)) as server, silent as told:
        await check_redis(f"redis://127.0.0.1:{server.getsockname()[1]}")
    assert not isinstance(told.value, NoRedis) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: f"{url.rpartition('/')[0] if url.count('/') > 2 else url}/99", "a database that this Redis"),
        (lambda url: url.replace("redis://", "rediss://"), "speaks no TLS"),
    ],
    ids=["a database out of range", "TLS to a Redis without"],
)
async def test_a_redis_that_is_spoken_to_wrongly_is_told(redis_url: str, change, message: str) -> None:
    with pytest.raises(Failure, match=message):
        await check_redis(change(redis_url))


def test_a_database_that_is_no_number_is_wrong_usage() -> None:
    with pytest.raises(ArgumentTypeError, match="expected a URL such as redis://"):
        redis_url("redis://127.0.0.1:6379/main")


async def test_a_version_that_is_too_old_is_an_error_and_an_eviction_a_warning(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def found(redis: object) -> list[str]:
        return dangers

    monkeypatch.setattr(redis_option, "dangers_of", found)
    dangers = ["maxmemory-policy is allkeys-lru: a full Redis deletes calls, expected noeviction"]
    await check_redis(redis_url)
    assert "allkeys-lru" in capsys.readouterr().err
    dangers = ["version is 5.0.1: expected 6.2 or newer"]
    with pytest.raises(Failure, match=r"can't be used: version is 5\.0\.1: expected 6\.2 or newer"):
        await check_redis(redis_url)


@pytest.mark.parametrize("right", ["xadd", "hget", "evalsha"])
async def test_a_user_without_a_right_is_told_in_a_line(redis: Shard, redis_url: str, right: str) -> None:
    await redis.execute_command("ACL", "SETUSER", "desk", "on", ">p", "~*", "+@all", f"-{right}")
    try:
        async with Producer(redis_url.replace("redis://", "redis://desk:p@")) as producer:
            with pytest.raises(ResponseError) as told:
                await producer.start(CallStarted("c", sample_rate=8000, encoding=Encoding.MULAW))
    finally:
        await redis.execute_command("ACL", "DELUSER", "desk")
    assert is_told_in_full(told.value)
    assert one_line(told.value).startswith("the user of this Redis may not do what is needed (rights: docs/operations")


async def test_sentinels_out_of_reach_are_told_in_a_few_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoRedis, match=r": No master found for 'main'; `speakerline up` starts one$"):
        await check_redis(f"redis+sentinel://127.0.0.1:{port}/main")


async def test_a_replica_is_for_readers(redis: Shard, redis_url: str) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(Failure, match=r"a replica that takes no writes: expected its primary, 127\.0\.0\.1:1"):
            await check_redis(redis_url)
        await check_redis(redis_url, reads_only=True)
    finally:
        await redis.execute_command("REPLICAOF", "NO", "ONE")


COMMANDS = (
    ("process", "x"),
    ("enroll",),
    ("watch",),
    ("export", "x"),
    ("forget", "x"),
    ("publish", "x", "--call=y"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_finds_its_redis_in_the_environment(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEAKERLINE_REDIS_URL", "redis://127.0.0.1:2")
    monkeypatch.setenv("SPEAKERLINE_REDIS", "redis://127.0.0.1:1")
    assert command_line().parse_args(words).redis == "redis://127.0.0.1:1"
    monkeypatch.delenv("SPEAKERLINE_REDIS")
    expected = None if words[0] in ("process", "enroll") else "redis://127.0.0.1:2"
    assert command_line().parse_args(words).redis == expected


def test_a_system_with_a_name_has_a_redis_and_ports_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPEAKERLINE_REDIS", raising=False)
    monkeypatch.delenv("SPEAKERLINE_REDIS_URL", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert system_commands.redis_of("default") == "redis://127.0.0.1:6379"
    assert system_commands.redis_of("second") == f"unix://{tmp_path}/speakerline/second.sock"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = listening.getsockname()[1]
        monkeypatch.setattr(system_commands, "FIRST_PORT", taken)
        ports = system_commands._ports(Namespace(port=None, gateway_port=None, name="second"), 2, taken)
        assert len(set(ports)) == 3 and taken not in ports
        with pytest.raises(Failure, match="can't be used"):
            system_commands._ports(Namespace(port=None, gateway_port=None, name="default"), 2, taken)
