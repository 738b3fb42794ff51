"""What an operator sees: metrics that move, one trace a call, work that is shed, and the document of the streams."""

import asyncio
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from redis.asyncio import Redis

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, REFUSED
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime import asyncapi
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.tracing import Tracer, parent_of
from speakerline.shared.runtime.worker import Worker
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST, ROOT
from tests.runtime.toy_stages import POISON


async def test_metrics_of_every_stage_move(redis_url: str) -> None:
    registry = CollectorRegistry()

    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(f"speakerline_{name}", labels) or 0.0

    async with working(redis_url, metrics=Metrics(registry)), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 30, {9: POISON}))
        await timeline(redis_url, "c")
        await until(lambda: value("commits_total", stage="aggregator", outcome="all_done"))
        await until(lambda: not any(value("owned_calls", stage=spec.name) for spec in PIPELINE))

    for spec in PIPELINE:
        assert value("work_seconds_count", stage=spec.name) > 0
        assert value("step_entries_count", stage=spec.name) > 0
        assert value("events_total", stage=spec.name) > 0
        assert value("commits_total", stage=spec.name, outcome="done") > 0
        assert value("takes_total", stage=spec.name, kind="new") == 1
        assert value("owned_calls", stage=spec.name) == 0
        assert value("group_lag_calls", stage=spec.name) == 0
    assert value("lag_seconds_count", stage="aggregator") > 0
    assert value("queue_seconds_count", stage="aggregator") > 0
    assert value("dead_letters_total", stage="vad") == 1
    assert value("failures_total", stage="vad") == 4
    assert value("commits_total", stage="aggregator", outcome="all_done") == 1


async def test_calls_that_nobody_takes_are_group_lag(redis_url: str) -> None:
    registry = CollectorRegistry()
    none = WorkerOptions(**{**FAST, "capacity": 1})
    async with producing(redis_url) as producer:
        for number in range(4):
            (await producer.start(a_call(f"c{number}"))).send(b"sound")
        async with working(redis_url, PIPELINE[:1], options=none, metrics=Metrics(registry)):
            labels = {"stage": "vad"}
            await until(lambda: registry.get_sample_value("speakerline_group_lag_calls", labels) == 3)


async def test_calls_that_move_are_progress_however_many_wait(redis_url: str) -> None:
    """The worker itself is full, and its only call is quiet: others take the calls that wait."""
    full = WorkerOptions(**{**FAST, "capacity": 1})
    redis = connect(redis_url)
    async with producing(redis_url) as producer:
        for number in range(4):
            (await producer.start(a_call(f"c{number}"))).send(b"sound")
        async with working(redis_url, PIPELINE[:1], options=full) as (worker,):
            await until(lambda: worker.shards[0].progress.group_lag == 3)
            before = await at_rest(worker, 3 * full.lease_s)
            await Ownership(redis, "vad", 60.0).take(1, set())
            await until(lambda: worker.shards[0].progress.group_lag == 2)
            assert worker.shards[0].progress.moved_at > before
    await redis.aclose()


async def at_rest(worker: Worker, rest_s: float) -> float:
    """When something moved last, once nothing has moved for `rest_s`."""
    for _ in range(10):
        moved_at = worker.shards[0].progress.moved_at
        await asyncio.sleep(rest_s)
        if worker.shards[0].progress.moved_at == moved_at:
            return moved_at
    raise AssertionError("it goes on moving")


async def test_refused_announcements_do_not_wait(redis_url: str) -> None:
    redis = connect(redis_url)
    async with working(redis_url) as workers, producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 10))
        await timeline(redis_url, "c")
        for _ in range(5):
            await redis.execute_command("XADD", CALLS, "*", "event", "no call")
        await until(partial(_refused, redis, 5))
        beats = time.monotonic()
        await until(lambda: all(worker.shards[0].progress.moved_at > beats for worker in workers))
        assert [worker.shards[0].progress.group_lag for worker in workers] == [0] * len(workers)
    await redis.aclose()


async def _refused(redis: Redis, count: int) -> bool:
    return bool(await redis.xlen(REFUSED) == count)


async def test_outages_are_counted(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server()
    registry = CollectorRegistry()
    async with working(server.url, PIPELINE[:1], metrics=Metrics(registry)):
        await asyncio.sleep(0.2)
        server.kill()
        await until(lambda: registry.get_sample_value("speakerline_outages_total", {"stage": "vad"}))
        await asyncio.to_thread(server.start)


@pytest.mark.parametrize("traced", [False, True])
async def test_a_lag_names_its_call_by_digest_and_its_trace_where_there_are_traces(
    redis_url: str, traced: bool
) -> None:
    registry = CollectorRegistry()
    tracer = Tracer("toys", InMemorySpanExporter()) if traced else None
    async with working(redis_url, metrics=Metrics(registry), tracer=tracer), producing(redis_url) as producer:
        await play(producer, a_call("secret"), frames_of(3, 20))
        await timeline(redis_url, "secret")
    text = openmetrics(registry).decode()
    named = set(re.findall(r"^speakerline_lag_seconds_bucket\S+ \S+ # \{(.*?)\}", text, re.MULTILINE))
    digest = hashlib.sha256(b"secret").hexdigest()
    trace = f',trace_id="{digest[:32]}"' if traced else ""
    assert named == {f'call="{digest[:12]}"{trace}'}
    assert "secret" not in text


async def test_one_call_is_one_trace_across_all_stages(redis_url: str) -> None:
    exporter = InMemorySpanExporter()
    tracer = Tracer("toys", exporter)
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with working(redis_url, tracer=tracer), producing(redis_url) as producer:
        await play(producer, a_call("own"), frames_of(2, 20))
        await play(producer, a_call("given", traceparent=given), frames_of(3, 20))
        for call_id in ("own", "given"):
            await timeline(redis_url, call_id)
    tracer.close()
    traces: dict[str, set[int]] = {}
    stages: dict[str, set[str]] = {}
    for span in exporter.get_finished_spans():
        assert span.attributes is not None and span.context is not None
        call_id = str(span.attributes["speakerline.call_id"])
        traces.setdefault(call_id, set()).add(span.context.trace_id)
        stages.setdefault(call_id, set()).add(span.name)
    assert traces == {
        "own": {parent_of(CallStarted(call_id="own")).trace_id},
        "given": {0x0AF7651916CD43DD8448EB211C80319C},
    }
    assert all(names == {spec.name for spec in PIPELINE} for names in stages.values())


def test_the_asyncapi_document_is_what_the_code_says() -> None:
    command = [sys.executable, "-m", "speakerline.shared.runtime.asyncapi", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


def test_the_asyncapi_document_names_the_public_streams_and_their_fields() -> None:
    document = asyncapi.document()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {"calls", "timeline", "calls:refused", "call:{call_id}:dead"}
    schemas = document["components"]["schemas"]
    assert {"call_id", "seq", "at_ms", "turn"} <= set(schemas["TimelineEvent"]["properties"])
    assert schemas["CallStarted"]["properties"]["encoding"]["enum"][1] == "ENCODING_MULAW"
