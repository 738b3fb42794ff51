"""Fixtures that every test may use: a real redis-server, flushed before each test, and one that may be crashed."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from speakerline.shared.runtime.connection import Shard, connect
from tests.redis_server import RedisServer

settings.register_profile("noisy machine", deadline=None)
settings.load_profile("noisy machine")

LONG_FIRST = ("cli", "deploy", "e2e", "page", "archive", "gateway", "runtime", "asr", "vad")
"""Folders whose tests start processes, load models or wait, the longest first. Left to the end of a run, one of their
files keeps one worker of xdist busy while the others have nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.path.parent.name))


def _place(folder: str) -> int:
    return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)


@pytest.fixture(scope="session")
def _session_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_server(_session_redis: RedisServer) -> RedisServer:
    """The session's server, empty. Not to be stopped: tests that crash a server take `new_redis_server`."""
    _session_redis.flush()
    return _session_redis


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Shard]:
    """A connection to that server."""
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def new_redis_server() -> Iterator[Callable[..., RedisServer]]:
    """Starts servers of the test's own, `new_redis_server(aof=True, maxmemory="20mb")`; closes them afterwards."""
    with ExitStack() as opened:
        yield lambda aof=False, **options: opened.enter_context(RedisServer(aof=aof, **options))
