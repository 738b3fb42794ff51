"""Announced calls without sound: they take no place, lose nothing, and end with a reason that everybody sees."""

import asyncio
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import ProducerError
from speakerline.shared.keys import CALLS, REFUSED
from speakerline.shared.pipeline import EMBEDDING, VAD
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.worker import Worker
from tests.runtime.announcing import announce
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

SMALL = WorkerOptions(**{**FAST, "capacity": 2})
FRAMES = frames_of(1, 20)


async def expected(call_id: str) -> list[bytes]:
    return await asyncio.to_thread(timeline_of, a_call(call_id), numbered(FRAMES))


async def nothing_waits(redis: Shard) -> bool:
    groups = await redis.xinfo_groups(CALLS)
    return not await redis.xlen(CALLS) and not any(group["pending"] for group in groups)


async def test_calls_without_sound_keep_no_other_call_waiting(redis_url: str, redis: Shard) -> None:
    for number in range(300):
        await announce(redis, a_call(f"silent-{number}"))
    async with working(redis_url, options=SMALL) as workers, producing(redis_url) as producer:
        await play(producer, a_call("c"), FRAMES)
        assert await timeline(redis_url, "c") == await expected("c")
        assert await redis.xlen(CALLS) >= 300, "they wait on"
        await until(lambda: not any(worker.shards[0].progress.group_lag for worker in workers))


async def test_sound_that_comes_late_is_heard_from_its_beginning(redis_url: str) -> None:
    async with working(redis_url) as workers, producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        await asyncio.sleep(3 * FAST_OPTIONS.lease_s)
        assert not any(worker.calls for worker in workers)
        for pcm in FRAMES:
            outgoing.send(pcm)
        await outgoing.end()
        assert await timeline(redis_url, "c") == await expected("c")


async def test_sound_on_any_channel_counts(redis_url: str, redis: Shard) -> None:
    async with working(redis_url, [VAD]) as (vad,), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c", channels=2))
        await until(partial(_silent, vad, 1))
        outgoing.send(FRAMES[0], channel=1)
        await until(lambda: vad.calls)


async def test_a_worker_that_takes_over_waits_for_the_first_sound_as_well(redis_url: str) -> None:
    async with working(redis_url) as workers, producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        await until(partial(_silent, workers[0], 1))
        async with working(redis_url):
            for worker in workers:
                worker.stop()
            for pcm in FRAMES:
                outgoing.send(pcm)
            await outgoing.end()
            assert await timeline(redis_url, "c") == await expected("c")


async def test_of_too_many_silent_calls_the_oldest_is_closed_and_says_why(redis_url: str) -> None:
    few = WorkerOptions(**{**FAST, "silent_calls": 2})
    async with working(redis_url, options=few) as workers, producing(redis_url) as producer:
        silent = [await producer.start(a_call(f"silent-{number}")) for number in range(3)]
        events = await timeline(redis_url, "silent-0")
        assert b'"call_ended":{"reason":"END_REASON_UNHEARD"}' in events[-1]
        await until(partial(_silent, workers[0], 2))
        for outgoing in silent:
            outgoing.send(FRAMES[0])
        why = r"is closed \(no sound came, and too many calls without sound waited\)"
        with pytest.raises(ProducerError, match=why):
            await silent[0].end()
        for outgoing in silent[1:]:
            await outgoing.end()
            assert b"END_REASON_HANGUP" in (await timeline(redis_url, outgoing.call.call_id))[-1]


async def test_a_call_that_was_silent_for_too_long_is_closed_and_says_why(redis_url: str, redis: Shard) -> None:
    short = WorkerOptions(**{**FAST, "idle_close_s": 0.5})
    async with working(redis_url, options=short), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        assert b"END_REASON_IDLE" in (await timeline(redis_url, "c"))[-1]
        outgoing.send(FRAMES[0])
        with pytest.raises(ProducerError, match=r"is closed \(nothing came for too long\)"):
            await outgoing.end()
        await until(partial(nothing_waits, redis))


async def test_a_call_that_comes_to_life_where_no_place_is_left_goes_to_another_worker(redis_url: str) -> None:
    one = WorkerOptions(**{**FAST, "capacity": 1, "lease_s": 5.0})
    async with producing(redis_url) as producer, working(redis_url, [VAD], options=one) as (full,):
        outgoing = [await producer.start(a_call(f"c{number}")) for number in range(2)]
        await until(partial(_silent, full, 2))
        async with working(redis_url, [VAD], options=one) as (free,):
            for call in outgoing:
                call.send(FRAMES[0])
            await until(lambda: full.calls and free.calls)
            assert {call.id for worker in (full, free) for call in worker.calls} == {"c0", "c1"}


async def test_a_call_that_comes_to_life_where_no_place_is_left_at_all_waits_for_one(redis_url: str) -> None:
    one = WorkerOptions(**{**FAST, "capacity": 1})
    async with working(redis_url, options=one) as workers, producing(redis_url) as producer:
        outgoing = [await producer.start(a_call(f"c{number}")) for number in range(3)]
        await until(partial(_silent, workers[0], 3))
        for pcm in FRAMES:
            for call in outgoing:
                call.send(pcm)
        for call in outgoing:
            await call.end()
        for call in outgoing:
            assert await timeline(redis_url, call.call.call_id)


async def test_a_silent_call_that_is_announced_again_is_one_call(redis_url: str, redis: Shard) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for _ in range(3):
            await announce(redis, a_call("c"))
        for pcm in FRAMES:
            outgoing.send(pcm)
        await outgoing.end()
        assert await timeline(redis_url, "c") == await expected("c")
        await until(partial(nothing_waits, redis))


async def test_an_erased_silent_call_leaves_nothing(redis_url: str, redis: Shard) -> None:
    async with working(redis_url) as workers, producing(redis_url) as producer:
        await producer.start(a_call("c"))
        for worker in workers:
            await until(partial(_silent, worker, 1))
        await forget(redis_url, "c")
        for worker in workers:
            await until(partial(_silent, worker, 0))
        assert await nothing_waits(redis)
        assert await redis.keys("call:*") == []


async def test_a_log_that_turns_out_to_be_no_stream_spoils_only_its_call(redis_url: str, redis: Shard) -> None:
    async with working(redis_url) as workers, producing(redis_url) as producer:
        await announce(redis, a_call("bad"))
        await until(partial(_silent, workers[0], 1))
        await redis.set("call:{bad}:audio:0", "no stream")
        await play(producer, a_call("good"), FRAMES)
        assert await timeline(redis_url, "good") == await expected("good")
        await until(partial(nothing_waits, redis))
    assert await redis.xlen(REFUSED) == 1


async def test_such_a_log_does_not_wait_for_a_heartbeat(redis_url: str, redis: Shard) -> None:
    """Until its call is refused, no read of the worker succeeds."""
    rarely = WorkerOptions(**{**FAST, "lease_s": 300.0})
    async with working(redis_url, options=rarely) as workers, producing(redis_url) as producer:
        await announce(redis, a_call("bad"))
        await until(partial(_silent, workers[0], 1))
        await redis.set("call:{bad}:audio:0", "no stream")
        await play(producer, a_call("good"), FRAMES)
        assert await timeline(redis_url, "good") == await expected("good")


async def test_silent_calls_are_a_metric(redis_url: str) -> None:
    registry = CollectorRegistry()
    labels = {"stage": EMBEDDING.name}
    async with working(redis_url, metrics=Metrics(registry)), producing(redis_url) as producer:
        outgoing = [await producer.start(a_call(f"c{number}")) for number in range(3)]
        await until(lambda: registry.get_sample_value("speakerline_silent_calls", labels) == 3)
        outgoing[0].send(FRAMES[0])
        await until(lambda: registry.get_sample_value("speakerline_silent_calls", labels) == 2)
        await until(lambda: registry.get_sample_value("speakerline_owned_calls", labels) == 1)


def _silent(worker: Worker, count: int) -> bool:
    return len(worker.shards[0].lobby.entries) == count
