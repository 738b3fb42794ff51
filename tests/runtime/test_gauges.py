"""What the gauges of a worker say, to the digit: sums of its calls, and what it knows of each Redis."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.logs import Log
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime import observing
from speakerline.shared.runtime.gauges import set_gauges
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.observing import Observer, Server

OF_REDIS = (
    "redis_silent_seconds",
    "redis_used_memory_bytes",
    "redis_max_memory_bytes",
    "redis_evicted_keys",
    "redis_write_errors",
)


class Clock:
    """Seconds, moved by the test: of the worker, and of Redis."""

    def __init__(self) -> None:
        self.monotonic_s, self.redis_s, self.heard_at = 10.0, 1_000.0, 10.0

    def monotonic(self) -> float:
        return self.monotonic_s

    def now(self) -> float:
        return self.redis_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(observing, "time", clock)
    return clock


class Redis:
    finder = None

    def __init__(self, **told: Any) -> None:
        self.told, self.asked = told, 0

    async def info(self) -> dict[str, Any]:
        self.asked += 1
        return self.told


def a_call(version: int = 1, oldest_arrival: float = 0.0, busy: bool = True) -> Any:
    return SimpleNamespace(work=SimpleNamespace(version=version, oldest_arrival=oldest_arrival), busy=busy)


def an_observer(clock: Clock, calls: dict[bytes, Any], redis: Redis | None = None) -> Observer:
    return Observer(redis or Redis(), calls, clock, Log())  # type: ignore[arg-type]


async def test_the_oldest_entry_is_that_of_all_calls_by_the_clock_of_redis(clock: Clock) -> None:
    calls = {b"a": a_call(oldest_arrival=998.5), b"b": a_call(oldest_arrival=997.0), b"c": a_call()}
    observer = an_observer(clock, calls)
    await observer.look()
    assert observer.oldest_entry_s == 3.0
    del calls[b"b"]
    await observer.look()
    assert observer.oldest_entry_s == 1.5
    calls.clear()
    await observer.look()
    assert observer.oldest_entry_s == 0.0


async def test_the_longest_without_a_commit_is_that_of_a_call_with_work(clock: Clock) -> None:
    calls = {b"stuck": a_call(), b"moves": a_call(), b"quiet": a_call(busy=False)}
    observer = an_observer(clock, calls)
    for second in range(5):
        clock.monotonic_s = 10.0 + second
        calls[b"moves"].work.version += 1
        await observer.look()
        assert observer.oldest_commit_s == second
    calls[b"quiet"].busy = True
    calls[b"stuck"].work.version += 1
    clock.monotonic_s += 2.5
    await observer.look()
    assert observer.oldest_commit_s == 2.5, "a call that had nothing to do waits from when it has"


async def test_redis_is_silent_since_it_told_the_time(clock: Clock) -> None:
    observer = an_observer(clock, {})
    clock.heard_at, clock.monotonic_s = 12.0, 19.5
    assert observer.silent_s == 7.5


async def test_redis_is_asked_how_it_is_every_quarter_of_a_minute(clock: Clock) -> None:
    redis = Redis(used_memory=7, maxmemory=9, evicted_keys=3, aof_last_write_status="err", rdb_last_bgsave_status="ok")
    observer = an_observer(clock, {}, redis)
    for clock.monotonic_s in (10.0, 24.9, 25.0, 39.9):
        await observer.look()
    assert redis.asked == 2
    assert observer.server == Server(memory=7, max_memory=9, evicted=3, write_errors=1)


def a_shard(silent: int, waiting: tuple[int, int, float], observed: tuple[float, float, float], server: Server) -> Any:
    """waiting: calls, those that are parked, and the age of the oldest. observed: the oldest commit and entry, and how
    long Redis has been silent."""
    count, parked, age_s = waiting
    oldest_commit_s, oldest_entry_s, silent_s = observed
    return SimpleNamespace(
        lobby=SimpleNamespace(silent=silent),
        heartbeat=SimpleNamespace(waiting=SimpleNamespace(count=count, parked=parked, age_s=age_s)),
        observer=SimpleNamespace(
            oldest_commit_s=oldest_commit_s, oldest_entry_s=oldest_entry_s, silent_s=silent_s, server=server
        ),
    )


FIRST = a_shard(1, (10, 100, 7.0), (1.0, 5.0, 0.1), Server(900, 10_000, 2, 0))
SECOND = a_shard(2, (20, 200, 3.0), (4.0, 2.0, 0.7), Server(800, 1_000, 1, 2))


def gauges_of(*shards: Any) -> Callable[..., float | None]:
    """What the gauges of a worker that holds five calls say, by name and labels."""
    registry = CollectorRegistry()
    set_gauges(Metrics(registry).for_stage(VAD.name), SimpleNamespace(held=5), shards)  # type: ignore[arg-type]

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"speakerline_{name}", {"stage": VAD.name, **labels})

    return value


def test_over_shards_calls_add_up_and_the_oldest_counts() -> None:
    value = gauges_of(FIRST, SECOND)
    assert {name: value(name) for name in ("owned_calls", "silent_calls", "group_lag_calls", "parked_calls")} == {
        "owned_calls": 5,
        "silent_calls": 3,
        "group_lag_calls": 30,
        "parked_calls": 300,
    }
    assert value("oldest_waiting_call_seconds") == 7.0
    assert (value("oldest_commit_seconds"), value("oldest_entry_seconds")) == (4.0, 5.0)


def test_each_shard_has_a_redis_and_one_alone_has_no_number() -> None:
    value, alone = gauges_of(FIRST, SECOND), gauges_of(FIRST)
    first, second = [0.1, 900, 10_000, 2, 0], [0.7, 800, 1_000, 1, 2]
    assert [value(name, shard="0") for name in OF_REDIS] == first
    assert [value(name, shard="1") for name in OF_REDIS] == second
    assert [alone(name, shard="") for name in OF_REDIS] == first
