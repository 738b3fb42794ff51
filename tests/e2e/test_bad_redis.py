"""Redis absent, full, or read-only: workers and producers wait and go on, and the timeline shows nothing of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import NoPermissionError

from speakerline.shared.client.producer import Producer, ProducerError
from speakerline.shared.contract.v1 import Encoding
from speakerline.tools.pipeline.local import running
from tests.e2e.conftest import SHORT_S
from tests.e2e.sample_call import announcement, frames, pcm
from tests.e2e.system import Models, System
from tests.redis_server import RedisServer

MULAW = Encoding.MULAW
FRAMES = frames(pcm(MULAW, SHORT_S), MULAW, 100)

NewServer = Callable[..., RedisServer]
Change = Callable[[System], Awaitable[None]]


async def test_workers_that_start_before_redis_wait_for_it(
    new_redis_server: NewServer, models: Models, beginning: list[bytes]
) -> None:
    server = new_redis_server()
    server.stop()
    async with System(server.url, models) as system:
        await asyncio.sleep(0.5)
        server.start()
        assert await system.play(announcement("early", MULAW), [FRAMES]) == beginning


async def test_a_producer_without_redis_says_so(new_redis_server: NewServer) -> None:
    server = new_redis_server()
    server.stop()
    producer = Producer(server.url, patience_s=0.3)
    with pytest.raises(ProducerError, match=r"call 'nobody' could not be announced within 0\.3 s: .*onnect"):
        await producer.start(announcement("nobody", MULAW))
    await producer.aclose()


async def refuse_writes(system: System) -> None:
    """As a replica whose primary is gone."""
    await system.redis.execute_command("REPLICAOF", "127.0.0.1", "1")


async def accept_writes(system: System) -> None:
    await system.redis.execute_command("REPLICAOF", "NO", "ONE")


async def no_memory(system: System) -> None:
    await system.redis.execute_command("CONFIG", "SET", "maxmemory", "1mb")


async def memory(system: System) -> None:
    await system.redis.execute_command("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize(
    ("trouble", "relief", "answer"),
    [
        pytest.param(refuse_writes, accept_writes, "read only replica", id="a read-only Redis"),
        pytest.param(no_memory, memory, "maxmemory", id="a full Redis"),
    ],
)
async def test_what_redis_refuses_for_a_while_is_not_lost(
    new_redis_server: NewServer,
    models: Models,
    beginning: list[bytes],
    trouble: Change,
    relief: Change,
    answer: str,
) -> None:
    server = new_redis_server()
    async with System(server.url, models) as system:
        producer = Producer(server.url, "exchange")
        call = await producer.start(announcement("patient", MULAW))
        for number, (_, sound) in enumerate(FRAMES):
            if number == 50:
                await trouble(system)
                assert answer in await system.wire(announcement("other", MULAW)).call_out()
            if number == 100:
                await asyncio.sleep(0.5)
                await relief(system)
            call.send(sound)
            await asyncio.sleep(0.002)
        await call.end()
        await producer.aclose()
        assert call.shed_ms == 0
        assert await system.timeline("patient") == beginning


async def test_what_no_waiting_cures_ends_the_system_with_the_error(
    new_redis_server: NewServer, models: Models
) -> None:
    server = new_redis_server()
    server.command("ACL", "SETUSER", "default", "-xreadgroup")
    with pytest.raises(NoPermissionError, match="xreadgroup"):
        async with running(server.url, models.stages, models.metrics):
            await asyncio.sleep(30)
