"""No clock, no outage, no death and no other call makes a stage leave out anything of a call: only a shortage does."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.shared import runtime
from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import ServiceClass
from speakerline.shared.keys import CALLS, audio_key
from speakerline.shared.pipeline import ASR, PIPELINE, StageSpec
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.ending import end
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.worker import Worker
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.slow_stages import Load

RUNTIME = Path(runtime.__path__[0])
LIMIT_S = 2.0
OPTIONS = WorkerOptions(**{**FAST, "shed_lag_s": LIMIT_S})
PATIENT = replace(OPTIONS, shed_lag_s=600.0)
"""Of workers that no busy machine makes late enough to do less, and an hour by a wrong clock would."""
FRAME_S = 0.1
CALL = frames_of(1, 40)
BUSY = 0.6
"""Seconds of work for a second of sound: enough for one call, also on a busy machine, and for no second one."""


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.worker.REPORT_S", 0.2)
    monkeypatch.setattr("speakerline.shared.runtime.shedding.UP_AFTER_S", 0.3)


@pytest.mark.parametrize("ahead_s", [3600, -3600, float("nan"), -1e300], ids=["ahead", "behind", "nan", "negative"])
async def test_a_producer_whose_clock_is_an_hour_off_or_none(redis_url: str, redis: Redis, ahead_s: float) -> None:
    async with neighbour(redis_url, Load(), options=PATIENT):
        await announce(redis, "wrong")
        for number, pcm in enumerate(CALL, 1):
            await write(redis, "wrong", number * 800, pcm, audio_at=time.time() + ahead_s)
            await asyncio.sleep(FRAME_S)


@pytest.mark.parametrize("ahead_s", [3600, -3600], ids=["ahead", "behind"])
async def test_a_worker_whose_clock_is_an_hour(redis_url: str, monkeypatch: pytest.MonkeyPatch, ahead_s: int) -> None:
    wrong = SimpleNamespace(time=lambda: time.time() + ahead_s, monotonic=time.monotonic)
    for path in RUNTIME.glob("*.py"):
        module = f"speakerline.shared.runtime.{path.stem}"
        if getattr(sys.modules.get(module), "time", None) is time:
            monkeypatch.setattr(f"{module}.time", wrong)
    async with neighbour(redis_url, Load(), options=PATIENT):
        pass


async def test_redis_that_was_stopped(
    new_redis_server: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.connection.SOCKET_TIMEOUT_S", 0.7)
    server = new_redis_server()
    async with neighbour(server.url, Load(asr=BUSY)):
        await asyncio.sleep(1.0)
        server.pause()
        await asyncio.sleep(3.0)
        server.resume()


@pytest.mark.parametrize("service_class", [ServiceClass.LIVE, ServiceClass.BULK])
async def test_a_long_recording_at_full_speed(redis_url: str, service_class: ServiceClass) -> None:
    async with producing(redis_url) as producer, neighbour(redis_url, Load(embedding=0.1, asr=0.1)):
        outgoing = await producer.start(a_call("recording", service_class=service_class))
        for pcm in frames_of(2, 600):
            outgoing.send(pcm)


async def test_long_frames_at_once(redis_url: str, redis: Redis) -> None:
    async with neighbour(redis_url, Load(embedding=0.1, asr=0.1)):
        await announce(redis, "long")
        for number in range(1, 4):
            await write(redis, "long", number * 240_000, bytes(240_000))


async def test_a_worker_that_died(redis_url: str) -> None:
    """Its calls are taken over with all that came in meanwhile."""
    load = Load(asr=BUSY)
    others = [spec for spec in PIPELINE if spec is not ASR]
    async with neighbour(redis_url, load, others):
        for _ in range(2):
            worker = Worker(
                redis_url, ASR, load.stages()[ASR.name], Metrics(CollectorRegistry()).for_stage(ASR.name), OPTIONS
            )
            dying = asyncio.create_task(worker.run())
            await asyncio.sleep(0.8)
            await end([dying])
            await asyncio.sleep(1.0)
        async with working(redis_url, [ASR], load.stages(), OPTIONS):
            await timeline(redis_url, "neighbour")


@asynccontextmanager
async def neighbour(
    url: str, load: Load, specs: Sequence[StageSpec] = PIPELINE, options: WorkerOptions = OPTIONS
) -> AsyncIterator[None]:
    """A call in real time while the body runs; it must come out as if it had been alone, with nothing left out."""
    async with working(url, specs, load.stages(), options), producing(url) as producer:
        playing = asyncio.create_task(play(producer, a_call("neighbour"), CALL, FRAME_S))
        yield
        await playing
        told = await timeline(url, "neighbour")
    assert [event for event in told if b"degraded" in event] == []
    assert told == await asyncio.to_thread(timeline_of, a_call("neighbour"), numbered(CALL))


async def announce(redis: Redis, call_id: str) -> None:
    await redis.xadd(audio_key(call_id, 0), {"start": "1"}, "0-1")
    await redis.xadd(CALLS, {"event": write_call(a_call(call_id))})


async def write(redis: Redis, call_id: str, end_sample: int, pcm: bytes, **fields: float) -> None:
    words = [word for field in fields.items() for word in field]
    await redis.execute_command("XADD", audio_key(call_id, 0), f"{end_sample}-0", "pcm", pcm, *words)
