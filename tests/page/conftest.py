"""A browser, a gateway and a connection to the Redis of both."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser
from redis.asyncio import Redis

from speakerline.shared.runtime.connection import connect
from tests.gateway.running import Running, running
from tests.page.browser import browsing


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as started:
        yield started


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Running]:
    async with running(redis_url) as started:
        yield started


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    connection = connect(redis_url)
    yield connection
    await connection.aclose()
