"""A browser, a gateway and a connection to the Redis of both. The browser serves all tests of the session, each in a
context of its own, so they share its event loop."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from redis.asyncio import Redis

from speakerline.shared.runtime.connection import connect
from tests.gateway.running import Running, running
from tests.page.browser import browsing

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(redis_url: str) -> AsyncIterator[Running]:
    async with running(redis_url) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    connection = connect(redis_url)
    yield connection
    await connection.aclose()
