"""What is left out when there is too much to do: in which order, and that it comes back."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.shared.keys import SHEDDING
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AGGREGATOR, ASR, EMBEDDING, PIPELINE, SEPARATION, VAD, StageSpec
from speakerline.shared.runtime import shedding
from speakerline.shared.runtime.connection import OUTAGE, connect
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.shedding import HIGHEST, Lags, Shedding
from tests.redis_server import RedisServer

LIMIT_S = 3.0


@pytest.fixture
async def redis(redis_url: str) -> Any:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report may move the ladder."""
    monkeypatch.setattr(shedding, "UP_AFTER_S", 0.0)
    monkeypatch.setattr(shedding, "DOWN_AFTER_S", 0.0)


def a_worker(redis: Redis, spec: StageSpec, name: str = "w", registry: CollectorRegistry | None = None) -> Shedding:
    metrics = Metrics(registry or CollectorRegistry()).for_stage(spec.name)
    return Shedding(redis, spec, f"{spec.name}-{name}", LIMIT_S, metrics, Log())


async def report(worker: Shedding, lag_s: float) -> int:
    """As if all its steps had been so late; the level that it hears."""
    worker.lags.begin("call", 1000.0)
    worker.lags.end("call", 1000.0 + lag_s)
    await worker.report(1000.0 + lag_s)
    return worker.level


def test_the_ladder_has_the_order_of_the_architecture() -> None:
    assert [SEPARATION.sheds_at, EMBEDDING.sheds_at, ASR.sheds_at] == [1, 2, 3]
    assert VAD.sheds_at == 0, "never"
    assert HIGHEST == 3


@pytest.mark.usefixtures("at_once")
async def test_it_is_climbed_rung_by_rung_and_back(redis: Redis) -> None:
    worker = a_worker(redis, ASR)
    assert [await report(worker, 4.0) for _ in range(5)] == [1, 2, 3, 3, 3]
    assert [await report(worker, 0.5) for _ in range(5)] == [2, 1, 0, 0, 0]


@pytest.mark.usefixtures("at_once")
async def test_each_rung_asks_one_stage_more(redis: Redis) -> None:
    behind, workers, asked = a_worker(redis, VAD, "slow"), [a_worker(redis, spec) for spec in PIPELINE], []
    for _ in range(HIGHEST):
        level = await report(behind, 4.0)
        await redis.hset(SHEDDING, "behind_since", 2**42)
        assert {await report(worker, 2.0) for worker in workers} == {level}, "all have the same level"
        await redis.hdel(SHEDDING, "behind_since")
        asked.append({worker.name for worker in workers if worker.asked})
    assert asked == [{"separation"}, {"separation", "embedding"}, {"separation", "embedding", "asr"}]


@pytest.mark.usefixtures("at_once")
async def test_any_stage_that_is_behind_is_enough_and_is_named(redis: Redis) -> None:
    slow, slower, quick = a_worker(redis, SEPARATION), a_worker(redis, ASR), a_worker(redis, VAD)
    await report(slow, 5.0)
    await report(slower, 9.25)
    assert await report(quick, 0.0) == 3
    assert quick.behind == {"separation": 5.0, "asr": 9.25}
    assert str(quick) == "shedding, level 3 of 3; separation is 5.0 s behind; asr is 9.2 s behind"
    assert not quick.asked
    await report(slow, 0.0)
    await report(slower, 0.0)
    for _ in range(3):
        await report(quick, 0.0)
    assert (quick.level, str(quick)) == (0, "")


@pytest.mark.usefixtures("at_once")
async def test_the_slowest_worker_of_a_stage_counts(redis: Redis) -> None:
    first, second = a_worker(redis, ASR, "one"), a_worker(redis, ASR, "two")
    await report(first, 8.0)
    await report(second, 4.0)
    assert second.behind == {"asr": 8.0}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("lag_s", [LIMIT_S, LIMIT_S / 3], ids=["at the limit", "at a third of it"])
async def test_between_too_much_and_little_nothing_moves(redis: Redis, lag_s: float) -> None:
    worker = a_worker(redis, ASR)
    await report(worker, 4.0)
    assert [await report(worker, lag_s) for _ in range(4)] == [1, 1, 1, 1]


async def test_a_lag_must_stay_before_it_counts_and_so_must_its_end(redis: Redis) -> None:
    worker = a_worker(redis, ASR)

    async def wait(field: str, seconds: float) -> None:
        since = int(await redis.hget(SHEDDING, field) or 0)
        await redis.hset(SHEDDING, field, since - round(1000 * seconds))

    assert await report(worker, 4.0) == 0
    await wait("behind_since", shedding.UP_AFTER_S - 0.5)
    assert await report(worker, 2.0) == 0
    assert await report(worker, 4.0) == 0, "counted anew"
    await wait("behind_since", shedding.UP_AFTER_S)
    assert await report(worker, 4.0) == 1
    assert await report(worker, 4.0) == 1, "the next level takes as long again"
    assert await report(worker, 0.1) == 1
    await wait("calm_since", shedding.DOWN_AFTER_S)
    assert await report(worker, 0.1) == 0


@pytest.mark.usefixtures("at_once")
async def test_a_worker_that_has_gone_holds_nothing_up(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, alive = a_worker(redis, ASR, "gone"), a_worker(redis, ASR, "alive")
    await report(gone, 9.0)
    assert await report(alive, 0.1) == 2, "its report is fresh"
    monkeypatch.setattr(shedding, "FRESH_S", -1.0)
    assert [await report(alive, 0.1) for _ in range(3)] == [1, 0, 0]
    assert await redis.hkeys(SHEDDING) == [b"level", b"calm_since"]
    assert await redis.pttl(SHEDDING) > 0


async def test_the_last_level_stays_while_redis_is_away(
    new_redis_server: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shedding, "UP_AFTER_S", 0.0)
    server = new_redis_server()
    redis = connect(server.url)
    worker = a_worker(redis, SEPARATION)
    assert await report(worker, 4.0) == 1
    server.kill()
    with pytest.raises(OUTAGE):
        await report(worker, 0.0)
    assert (worker.level, worker.asked) == (1, 1)
    await redis.aclose()
    await asyncio.to_thread(server.start)


@pytest.mark.usefixtures("at_once")
async def test_operators_see_the_level_and_who_does_less(redis: Redis) -> None:
    registry = CollectorRegistry()
    separation, aggregator = a_worker(redis, SEPARATION, registry=registry), a_worker(redis, AGGREGATOR)
    await report(separation, 4.5)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"speakerline_{name}", {"stage": "separation"})

    assert [value("shed_level"), value("sheds"), value("behind_seconds")] == [1.0, 1.0, 4.5]
    await report(aggregator, 4.5)
    assert not aggregator.asked


def test_one_slow_call_among_many_is_no_overload() -> None:
    lags = Lags()
    for call, lag_s in enumerate((60.0, 0.1, 0.2)):
        lags.begin(call, 0.0)
        lags.end(call, lag_s)
    assert lags.report(60.0) == 0.2
    assert lags.report(60.0) == 0.0, "every report is about the time since the one before"


def test_steps_that_do_not_come_to_an_end_are_late_too() -> None:
    lags = Lags()
    lags.begin("a", 10.0)
    lags.begin("b", 12.0)
    assert lags.report(20.0) == 9.0
    assert lags.report(21.0) == 10.0
    lags.end("a", 22.0)
    assert lags.report(22.0) == 12.0


def test_a_step_that_has_just_begun_does_not_take_back_how_late_the_one_before_was() -> None:
    lags = Lags()
    lags.begin("a", 0.0)
    lags.end("a", 8.0)
    assert lags.report(8.0) == 8.0
    lags.begin("a", 7.0)
    assert lags.report(9.0) == 8.0
    lags.end("a", 10.0)
    assert lags.report(10.0) == 3.0


def test_a_step_that_failed_says_nothing() -> None:
    lags = Lags()
    lags.begin("a", 0.0)
    lags.end("a", 50.0, done=False)
    assert lags.report(50.0) == 0.0
