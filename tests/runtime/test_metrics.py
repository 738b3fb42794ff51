"""Every metric in the situation that it is there for, on a real Redis."""

import asyncio
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.services.archive.metrics import ArchiveMetrics
from speakerline.services.gateway.intake.metrics import IntakeMetrics
from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import Degraded, Overlap
from speakerline.shared.keys import CALLS, stage_key
from speakerline.shared.pipeline import ASR, EMBEDDING, PIPELINE, SEPARATION, SOURCES, VAD
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.metrics import VERSION, Metrics
from speakerline.shared.runtime.models import StageModels
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import Event
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.test_calls_apart import SlowStage
from tests.runtime.toy_models import build_toy
from tests.runtime.toy_stages import POISON, STAGES, ToySeparation, ToyStage

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.shard_worker.EVERY_S", 0.05)
    monkeypatch.setattr("speakerline.shared.runtime.observing.SERVER_EVERY_S", 0.1)


class Reader:
    """The values of one registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def value(self, name: str, stage: str = VAD.name, **labels: str) -> float:
        return self.registry.get_sample_value(f"speakerline_{name}", {"stage": stage, **labels}) or 0.0

    def above(self, name: str, limit: float, stage: str = VAD.name, **labels: str) -> bool:
        return self.value(name, stage, **labels) > limit

    def below(self, name: str, limit: float, stage: str = VAD.name, **labels: str) -> bool:
        return self.value(name, stage, **labels) < limit


@pytest.fixture
def read() -> Reader:
    return Reader()


async def test_capacity_stands_beside_the_calls(redis_url: str, read: Reader) -> None:
    seven = WorkerOptions(**{**FAST, "capacity": 7})
    async with working(redis_url, [VAD], options=seven, metrics=read.metrics), producing(redis_url) as producer:
        (await producer.start(a_call("c"))).send(b"sound")
        await until(lambda: read.value("owned_calls") == 1)
        assert read.value("capacity_calls") == 7


async def test_the_oldest_call_that_nobody_takes_grows_older(redis_url: str, read: Reader) -> None:
    one = WorkerOptions(**{**FAST, "capacity": 1})
    async with producing(redis_url) as producer:
        for number in range(2):
            (await producer.start(a_call(f"c{number}"))).send(b"sound")
        async with working(redis_url, [VAD], options=one, metrics=read.metrics):
            await until(partial(read.above, "oldest_waiting_call_seconds", 0.5))
            async with working(redis_url, [VAD]):
                await until(partial(read.below, "oldest_waiting_call_seconds", 0.1))


async def test_entries_and_calls_that_wait_for_a_stage_that_hangs_grow_older(redis_url: str, read: Reader) -> None:
    slow = SlowStage()
    stages = {**STAGES, VAD.name: slow}
    async with working(redis_url, [VAD], stages, metrics=read.metrics), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("slow"))
        outgoing.send(frames_of(1, 1)[0])
        await slow.began.wait()
        for pcm in frames_of(1, 5)[1:]:
            outgoing.send(pcm)
        await until(partial(read.above, "oldest_entry_seconds", 0.5))
        await until(partial(read.above, "oldest_commit_seconds", 0.5))
        slow.go_on.set()
        await until(partial(read.below, "oldest_entry_seconds", 0.1))
        await until(partial(read.below, "oldest_commit_seconds", 0.1))


async def test_a_quiet_call_waits_for_no_commit(redis_url: str, read: Reader) -> None:
    async with working(redis_url, [VAD], metrics=read.metrics), producing(redis_url) as producer:
        (await producer.start(a_call("c"))).send(frames_of(1, 1)[0])
        await until(lambda: read.value("commits_total", outcome="done"))
        with pytest.raises(TimeoutError):
            await until(partial(read.above, "oldest_commit_seconds", 0.5), 1.5)


async def test_refused_announcements_are_counted(redis_url: str, redis: Redis, read: Reader) -> None:
    async with working(redis_url, [VAD], metrics=read.metrics):
        for _ in range(3):
            await redis.execute_command("XADD", CALLS, "*", "event", "no call")
        await until(lambda: read.value("refused_calls_total") == 3)


async def test_calls_whose_state_can_not_be_read_are_parked(redis_url: str, redis: Redis, read: Reader) -> None:
    async with working(redis_url, [VAD], metrics=read.metrics), producing(redis_url) as producer:
        await redis.hset(stage_key("c", VAD.name), "part:state", "no JSON")
        (await producer.start(a_call("c"))).send(b"sound")
        await until(lambda: read.value("parked_calls") == 1)
        assert read.value("owned_calls") == 0


async def test_calls_that_are_closed_are_counted_by_the_reason(redis_url: str, redis: Redis, read: Reader) -> None:
    strict = WorkerOptions(**{**FAST, "silent_calls": 1, "idle_close_s": 0.5})
    async with working(redis_url, [VAD], options=strict, metrics=read.metrics), producing(redis_url) as producer:
        (await producer.start(a_call("heard"))).send(frames_of(1, 1)[0])
        for number in range(3):
            await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call(f"silent-{number}")))
        await until(lambda: read.value("closed_calls_total", why="unheard") == 2)
        await until(lambda: read.value("closed_calls_total", why="idle") == 2)


class _Shedding(ToySeparation):
    async def on_event(self, event: Event, at_ms: int) -> None:
        if isinstance(event.body, Overlap):
            self.publish(Event(SOURCES, at_ms, Degraded(at_ms - 500, at_ms, SEPARATION.name, "overlaps: too late")))


async def test_what_is_left_out_is_counted_by_the_stage_that_did(redis_url: str, read: Reader) -> None:
    """And by no other that tells of it as well."""
    stages = {**STAGES, SEPARATION.name: ToyStage(_Shedding)}
    async with working(redis_url, stages=stages, metrics=read.metrics), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 60))
        told = await timeline(redis_url, "c")
    spans = sum(b'"degraded"' in event for event in told)
    assert spans
    counted = {spec.name: read.value("degraded_seconds_total", spec.name, what="overlaps") for spec in PIPELINE}
    assert counted == {spec.name: spans * 0.5 * (spec is SEPARATION) for spec in PIPELINE}


async def test_gaps_are_counted_by_the_stage_that_found_them(redis_url: str, read: Reader) -> None:
    async with working(redis_url, metrics=read.metrics), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 30, {9: POISON}))
        await timeline(redis_url, "c")
    counted = {spec.name: read.value("gap_seconds_total", spec.name, reason="poison") for spec in PIPELINE}
    assert counted == {spec.name: 0.1 * (spec is VAD) for spec in PIPELINE}


async def test_runs_of_a_model_are_measured_and_its_losses_counted(read: Reader) -> None:
    models = StageModels(VAD.name, 1, read.metrics.for_stage(VAD.name))
    ask = models.apart("toy", build_toy, 8, limit_s=60.0, memory_mb=500.0, memory_option="")
    assert await asyncio.gather(*(ask(number) for number in range(3))) == [0, 2, 4]
    assert read.value("batch_size_sum", model="toy") == 3 and read.value("model_seconds_sum", model="toy") > 0
    for way in ("exit", "kill"):
        with pytest.raises(ModelFailed):
            await ask(way)
    assert read.value("lost_models_total", model="toy", reason="crashed") == 2


def test_words_that_are_taken_for_made_up_are_counted_by_the_guard(read: Reader) -> None:
    read.metrics.for_stage(ASR.name).guarded("loop", 8)
    assert read.value("guarded_words_total", ASR.name, guard="loop") == 8


async def test_the_memory_of_redis_is_told(new_redis_server: Callable[..., RedisServer], read: Reader) -> None:
    server = new_redis_server(maxmemory="50mb")
    async with working(server.url, [VAD], metrics=read.metrics):
        await until(partial(read.above, "redis_used_memory_bytes", 500_000, shard=""))
        assert read.value("redis_max_memory_bytes", shard="") == 50 * 2**20
        assert read.value("redis_write_errors", shard="") == 0


async def test_keys_that_redis_evicts_are_counted(new_redis_server: Callable[..., RedisServer], read: Reader) -> None:
    server = new_redis_server(maxmemory="5mb", maxmemory_policy="allkeys-random")
    async with working(server.url, [VAD], metrics=read.metrics):
        client = connect(server.url)
        for number in range(100):
            await client.set(f"other:{number}", bytes(100_000))
        await client.aclose()
        await until(partial(read.above, "redis_evicted_keys", 10, shard=""))


async def test_a_redis_that_can_not_write_its_disk_says_so(
    new_redis_server: Callable[..., RedisServer], read: Reader
) -> None:
    server = new_redis_server()
    async with working(server.url, [VAD], metrics=read.metrics):
        shutil.rmtree(server.folder)
        server.command("BGSAVE")
        await until(lambda: read.value("redis_write_errors", shard="") == 1)


async def test_a_redis_that_is_silent_is_seen(new_redis_server: Callable[..., RedisServer], read: Reader) -> None:
    server = new_redis_server()
    async with working(server.url, [VAD], metrics=read.metrics):
        await until(partial(read.below, "redis_silent_seconds", 0.5, shard=""))
        server.pause()
        await until(partial(read.above, "redis_silent_seconds", 2.0, shard=""))
        server.resume()
        await until(partial(read.below, "redis_silent_seconds", 0.5, shard=""))


async def test_the_version_and_the_start_are_told(redis_url: str, read: Reader) -> None:
    async with working(redis_url, [VAD], metrics=read.metrics) as (worker,):
        await until(lambda: worker.shards[0].progress.turned_at)
        assert read.value("build_info", version=VERSION) == 1
        first = read.value("start_time_seconds")
    again = Reader()
    async with working(redis_url, [VAD], metrics=again.metrics):
        assert again.value("start_time_seconds") > first


def test_latencies_of_a_minute_can_be_told_apart(read: Reader) -> None:
    read.metrics.for_stage(EMBEDDING.name).lag.observe(45.0)
    counted = [read.value("lag_seconds_bucket", EMBEDDING.name, le=le) for le in ("30.0", "60.0")]
    assert counted == [0, 1]


def test_the_page_names_every_metric_and_no_other(read: Reader) -> None:
    gateway = GatewayMetrics(read.registry)
    IntakeMetrics(gateway.registry, gateway.refused)
    archive = ArchiveMetrics(CollectorRegistry())
    named = set(re.findall(r"^\| `speakerline_(\w+)", PAGE.read_text(), re.M))
    assert named == {
        f"{one.name}_total".removeprefix("speakerline_") if one.type == "counter" else one.name[12:]
        for one in (*read.registry.collect(), *archive.registry.collect())
    }
