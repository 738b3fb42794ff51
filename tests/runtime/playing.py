"""Toy workers and calls inside a test: start them, play them, read what became of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from speakerline.shared.addresses import address_of
from speakerline.shared.client.producer import OutgoingCall, Producer
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.keys import REWRITE_RUN, stream_key
from speakerline.shared.pipeline import PIPELINE, TIMELINE, StageSpec
from speakerline.shared.runtime.connection import Shard, connect, is_outage, pairs
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.tracing import Tracer
from speakerline.shared.runtime.worker import Worker
from speakerline.shared.tenants import tenant_of
from tests.runtime.comparable import comparable
from tests.runtime.processes import FAST
from tests.runtime.toy_stages import STAGES, frame

FAST_OPTIONS = WorkerOptions(**FAST)
PATIENCE_S = 60.0
"""For what takes moments on an idle machine."""


def a_call(call_id: str, **fields: Any) -> CallStarted:
    usual = {"sample_rate": 8000, "encoding": Encoding.MULAW, "channels": 1, "tenant": tenant_of(call_id)}
    return CallStarted(call_id=call_id, **{**usual, **fields})


def frames_of(call_number: int, count: int = 40, special: Mapping[int, int] | None = None) -> list[bytes]:
    """100 ms each; `special` gives some of them another first byte (POISON, FATAL)."""
    frames = [frame(call_number, number) for number in range(count)]
    for number, first in (special or {}).items():
        frames[number] = bytes([first]) + frames[number][1:]
    return frames


@asynccontextmanager
async def working(
    url: str,
    specs: Sequence[StageSpec] = PIPELINE,
    stages: Mapping[str, Stage] = STAGES,
    options: WorkerOptions = FAST_OPTIONS,
    metrics: Metrics | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[list[Worker]]:
    """One worker a stage, in this process."""
    metrics = metrics or Metrics(CollectorRegistry())
    workers = [Worker(url, spec, stages[spec.name], metrics.for_stage(spec.name), options, tracer) for spec in specs]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def producing(url: str, **options: Any) -> AsyncIterator[Producer]:
    producer = Producer(url, **options)
    try:
        yield producer
    finally:
        await producer.aclose()


async def play(producer: Producer, call: CallStarted, frames: Sequence[bytes], pause_s: float = 0.0) -> OutgoingCall:
    """The whole call, as fast as it goes or with a pause after each frame."""
    outgoing = await producer.start(call)
    for pcm in frames:
        outgoing.send(pcm)
        if pause_s:
            await asyncio.sleep(pause_s)
    await outgoing.end()
    return outgoing


async def timeline(url: str, call_id: str, timeout_s: float = PATIENCE_S) -> list[bytes]:
    """JSON of every event of a call, as `comparable` gives it, once it has ended; their numbers have no hole."""
    redis = shard_with(url, call_id)
    try:
        key, until = redis.key(stream_key(call_id, TIMELINE)), time.monotonic() + timeout_s
        while True:
            last = await outliving(lambda: redis.execute_command("XREVRANGE", key, "+", "-", "COUNT", 1))
            if last and last[0][0] == b"9007199254740991-0":
                break
            if time.monotonic() > until:
                raise TimeoutError(f"the timeline of {call_id} ends with {last}, which is no end")
            await asyncio.sleep(0.02)
        entries = await outliving(lambda: redis.execute_command("XRANGE", key, "-", "+"))
    finally:
        await redis.aclose()
    events = entries[:-1]
    assert [raw_id for raw_id, _ in events] == [b"%d-0" % (number + 1) for number in range(len(events))]
    return comparable([pairs(flat)[b"event"] for _, flat in events])


def shard_with(url: str, call_id: str) -> Shard:
    """A client of the Redis that has the call."""
    return connect(address_of(url, call_id))


async def outliving(ask: Callable[[], Any]) -> Any:
    """The answer, through restarts of Redis."""
    while True:
        try:
            return await ask()
        except Exception as error:
            if not is_outage(error):
                raise
        await asyncio.sleep(0.05)


async def until(condition: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
    """The first true answer of a condition, awaited where it is a coroutine."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{condition} did not come true within {timeout_s} s")


async def is_rewritten_after_its_start(redis: Shard) -> bool:
    """Whether a worker of the aggregator has had its append-only file rewritten, as each start of Redis needs it: from
    now on nothing else begins another file."""
    begun = await redis.exists(REWRITE_RUN)
    return bool(begun) and not (await redis.info("persistence"))["aof_rewrite_in_progress"]
