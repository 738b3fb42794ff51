"""The settings of the Redis that `up` starts, read by a real one."""

import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from speakerline.tools.cli.own_redis import as_configuration, own_redis_settings
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import redis_program

PASSWORD = 'it\'s "open"\\x41 sésame\n'
"""Whatever it holds, it is one value."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_the_address_is_that_of_the_url() -> None:
    assert own_redis_settings("redis://localhost/3", 1)["bind"] == "127.0.0.1"
    assert own_redis_settings("redis://localhost/3", 1)["port"] == "6379"
    assert own_redis_settings("redis://[::1]:7", 1)["bind"] == "::1"
    assert own_redis_settings("redis://default:a%20b@127.0.0.1:7", 1)["requirepass"] == "a b"
    assert "requirepass" not in own_redis_settings("redis://127.0.0.1:7", 1)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:7,redis://127.0.0.1:8", "several must be started by hand"),
        ("redis+sentinel://127.0.0.1:7/main", "not on this machine: start it there"),
        ("redis://other:7", "not on this machine: start it there"),
    ],
)
def test_only_one_of_this_machine_is_started(url: str, message: str) -> None:
    with pytest.raises(Failure, match=message):
        own_redis_settings(url, 1)


def test_on_a_socket_it_is_for_this_user_only(folder: Path) -> None:
    socket = folder / "redis.sock"
    settings = own_redis_settings(f"unix://{socket}", 64) | {"dir": str(folder), "requirepass": PASSWORD}
    server = subprocess.Popen([redis_program(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert server.stdin
    server.stdin.write(as_configuration(settings))
    server.stdin.close()
    until = time.monotonic() + 20
    while not socket.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    with Redis(unix_socket_path=str(socket), password=PASSWORD, decode_responses=True) as redis:
        assert redis.config_get("maxmemory")["maxmemory"] == str(64 * 2**20)
        assert redis.config_get("port")["port"] == "0"
        assert stat.filemode(socket.stat().st_mode) == "srw-------"
    server.kill()
    server.wait()
