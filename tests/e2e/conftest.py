"""The real stages, loaded once a session, and what they make of the sample call when nothing goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.worker import WorkerOptions
from speakerline.tools.pipeline.local import build_stages
from speakerline.tools.pipeline.settings import Settings
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import Models, System
from tests.redis_server import RedisServer

Undisturbed = Callable[[Encoding], list[bytes]]

SHORT_S = 14
"""Where a beginning of the call is enough: both women have spoken by then."""
NewSystem = Callable[..., Awaitable[System]]


@pytest.fixture(scope="session")
def models() -> Models:
    """Without words: what they go through is tested where they are made, and Whisper takes a third of a core a call."""
    metrics = Metrics(CollectorRegistry())
    return Models(build_stages(Settings(asr_model="off"), metrics), metrics)


@pytest.fixture(scope="session")
def undisturbed(models: Models) -> Undisturbed:
    """The timeline of the sample call, alone and sent by the producer client as fast as possible."""
    return {encoding: _alone(models, encoding) for encoding in (Encoding.MULAW, Encoding.S16LE)}.__getitem__


@pytest.fixture(scope="session")
def beginning(models: Models) -> list[bytes]:
    """The same of the first SHORT_S seconds in mu-law."""
    return _alone(models, Encoding.MULAW, SHORT_S)


@pytest.fixture(scope="session")
def beginnings(models: Models, beginning: list[bytes]) -> Undisturbed:
    """The same in either encoding."""
    return {Encoding.MULAW: beginning, Encoding.S16LE: _alone(models, Encoding.S16LE, SHORT_S)}.__getitem__


def _alone(models: Models, encoding: Encoding, seconds: int = 30) -> list[bytes]:
    async def play(url: str) -> list[bytes]:
        async with System(url, models) as system:
            sound = frames(pcm(encoding, seconds), encoding, 1000)
            return await system.play(announcement(f"undisturbed-{seconds}", encoding), [sound])

    with RedisServer() as server:
        return asyncio.run(play(server.url))


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
