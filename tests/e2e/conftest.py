"""The real stages, loaded once a session, and what they make of the sample call when nothing goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from services.cli.local_pipeline import build_stages
from services.settings import Settings
from shared.contract.v1 import Encoding
from shared.runtime.metrics import Metrics
from shared.runtime.worker import WorkerOptions
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import Models, System
from tests.redis_server import RedisServer

Undisturbed = Callable[[Encoding], list[bytes]]


@pytest.fixture(scope="session")
def models() -> Models:
    metrics = Metrics(CollectorRegistry())
    return Models(build_stages(Settings(), metrics), metrics)


@pytest.fixture(scope="session")
def undisturbed(models: Models) -> Undisturbed:
    """The timeline of the sample call alone, sent by the producer client as fast as possible."""
    known: dict[Encoding, list[bytes]] = {}

    async def play(url: str, encoding: Encoding) -> list[bytes]:
        async with System(url, models) as system:
            return await system.play(announcement("undisturbed", encoding), [frames(pcm(encoding), encoding, 1000)])

    def timeline(encoding: Encoding) -> list[bytes]:
        return known[encoding]

    with RedisServer() as server:
        for encoding in (Encoding.MULAW, Encoding.S16LE):
            known[encoding] = asyncio.run(play(server.url, encoding))
            server.flush()
    return timeline


@pytest.fixture
async def system(redis_url: str, models: Models) -> AsyncIterator[System]:
    """All stages at work."""
    async with System(redis_url, models) as system:
        yield system


@pytest.fixture
async def new_system(models: Models) -> AsyncIterator[Callable[..., object]]:
    """Starts systems of the test's own: `await new_system(url, WorkerOptions(...))`."""
    async with AsyncExitStack() as opened:

        async def start(url: str, options: WorkerOptions | None = None) -> System:
            return await opened.enter_async_context(System(url, models, options))

        yield start
