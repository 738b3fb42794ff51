"""What stays bounded: memory per call, backlog, time in Redis, and a call that never ends."""

import asyncio
from functools import partial

import pytest

from speakerline.shared.client.producer import ProducerError
from speakerline.shared.contract.v1 import EndReason
from speakerline.shared.keys import stage_key
from speakerline.shared.pipeline import AGGREGATOR, PIPELINE, VAD
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.options import WorkerOptions
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

IDLE = WorkerOptions(**{**FAST, "idle_close_s": 1.5})


async def test_every_key_of_a_finished_call_expires(redis_url: str, redis: Shard) -> None:
    options = WorkerOptions(**{**FAST, "ttl_s": 100})
    async with working(redis_url, options=options), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 30, {5: 1}))
        await timeline(redis_url, "c")
        await until(lambda: redis.hget("call:{c}:stage:aggregator", "finished"))
    keys = await redis.keys("call:*")
    assert len(keys) > 8
    assert all([0 < await redis.ttl(key) <= 100 for key in keys])
    assert await redis.keys("wake:*") == [], "workers that have left need no waking"


async def test_the_stream_that_wakes_a_worker_expires_with_it(redis: Shard) -> None:
    """A worker that is killed can't delete it."""
    await scripts.run(redis, "wake", ["wake:me"], 60)
    assert 0 < await redis.ttl("wake:me") <= 60


async def test_what_a_call_keeps_in_redis_does_not_grow_with_its_length(redis_url: str, redis: Shard) -> None:
    """But for the timeline, the aggregator's copy of it, and the sound of separated sources, which stay to the end.

    All stages keep up here: what piles up behind a slow one is bounded by the producer, and has a test of its own."""
    sizes: list[dict[bytes, int]] = []
    heard_ms, frames = 0, frames_of(2, 1500)
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"), buffer_s=3600)
        for _ in range(2):
            for at in range(0, 1500, 100):
                for pcm in frames[at : at + 100]:
                    outgoing.send(pcm)
                await outgoing.drain()
                heard_ms += 10_000
                await until(partial(is_through, redis, "c", heard_ms))
            keys = await redis.execute_command("KEYS", "call:{c}:*")
            kept = [key for key in keys if not key.endswith((b":timeline", b":aggregator", b":sounds"))]
            sizes.append({key: await redis.memory_usage(key) or 0 for key in kept})
        await outgoing.end()
        await timeline(redis_url, "c")
    first, second = sizes
    assert len(first) > 11
    grown = {key: (first.get(key, 0), size) for key, size in second.items() if size > first.get(key, 0) + slack(key)}
    assert grown == {}


def slack(key: bytes) -> int:
    """Bytes by which a log may differ: it is trimmed once in a while, and by whole nodes of Redis's streams."""
    return 64_000 if b":audio:" in key else 16_000


async def is_through(redis: Shard, call_id: str, heard_ms: int) -> bool:
    """Has every stage done all that was to be done with what was heard?"""
    through = [await redis.hget(stage_key(call_id, spec.name), "through") for spec in PIPELINE]
    return all(int(at or 0) >= heard_ms for at in through)


async def test_more_may_wait_on_one_input_than_the_inbox_holds(
    redis_url: str, redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that joins inputs must read on for the slower one, however much of the faster one waits."""
    monkeypatch.setattr("speakerline.shared.runtime.reading.INBOX", 32)
    frames = frames_of(3, 1500)
    async with producing(redis_url, limit_s=3600) as producer:
        async with working(redis_url, [VAD]):
            outgoing = await producer.start(a_call("c"), buffer_s=3600)
            for pcm in frames:
                outgoing.send(pcm)
            await outgoing.end()
            await until(lambda: redis.hget("call:{c}:stage:vad", "finished"))
        assert await redis.xlen("call:{c}:speech") > 200
        async with working(redis_url, [AGGREGATOR]) as (aggregator,):
            await until(lambda: [call for call in aggregator.calls if call.work.waiting >= 32])
            async with working(redis_url, PIPELINE[1:-1]):
                assert await timeline(redis_url, "c") == await asyncio.to_thread(
                    timeline_of, a_call("c"), numbered(frames)
                )


async def test_a_producer_waits_for_a_stage_that_lags_and_nothing_is_lost(redis_url: str, redis: Shard) -> None:
    """Also for one that has not taken the call at all."""
    frames = frames_of(4, 100)
    async with producing(redis_url, limit_s=2.0) as producer:
        outgoing = await producer.start(a_call("c"), buffer_s=60)
        for pcm in frames:
            outgoing.send(pcm)
        ending = asyncio.create_task(outgoing.end())
        await asyncio.sleep(0.5)
        assert await redis.xlen("call:{c}:audio:0") <= 1 + 20 + 64
        assert not ending.done()
        async with working(redis_url):
            await ending
            assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
    assert outgoing.shed_ms == 0


async def test_what_a_producer_sheds_is_a_gap_on_the_timeline(redis_url: str) -> None:
    frames = frames_of(5, 200)
    async with producing(redis_url, limit_s=2.0) as producer:
        outgoing = await producer.start(a_call("c"), buffer_s=3.0)
        for pcm in frames:
            outgoing.send(pcm)
            await asyncio.sleep(0.002)
        assert outgoing.shed_ms > 3000
        async with working(redis_url):
            await outgoing.end()
            events = await timeline(redis_url, "c")
    shed = outgoing.shed_ms // 100
    gaps = [event for event in events if b'"gap"' in event]
    assert len(gaps) == 1
    kept = numbered(frames)
    begin = next(at for at in range(200) if b'"start_ms":%d,' % (at * 100) in gaps[0])
    expected = await asyncio.to_thread(timeline_of, a_call("c"), kept[:begin] + kept[begin + shed :])
    assert events == expected


async def test_one_refused_call_does_not_hold_up_the_others_of_its_producer(
    redis_url: str, redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.client.sender.BUSY_PAUSE_S", 3600.0)
    async with producing(redis_url, limit_s=1.0) as producer:
        blocked = await producer.start(a_call("blocked"), buffer_s=60)
        for pcm in frames_of(6, 90):
            blocked.send(pcm)
        await until(lambda: blocked.busy_until)
        free = await producer.start(a_call("free"))
        for pcm in frames_of(7, 8):
            free.send(pcm)
            await asyncio.wait_for(free.drain(), 20)
        assert blocked.waiting


async def test_a_producer_that_sends_at_once_pauses_while_redis_has_enough(
    redis_url: str, redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.client.sender.BUSY_PAUSE_S", 3600.0)
    pauses, sleep = list[float](), asyncio.sleep
    async with producing(redis_url, limit_s=1.0, linger_s=0) as producer:

        async def noted(pause_s: float) -> None:
            if asyncio.current_task() is producer._senders[0]._pump:
                pauses.append(pause_s)
            await sleep(pause_s)

        blocked = await producer.start(a_call("blocked"), buffer_s=60)
        for pcm in frames_of(6, 90):
            blocked.send(pcm)
        await until(lambda: blocked.busy_until)
        monkeypatch.setattr(asyncio, "sleep", noted)
        await until(lambda: len(pauses) >= 3)
    assert min(pauses[1:]) > 0


async def test_a_call_without_frames_for_too_long_is_closed_properly(redis_url: str) -> None:
    frames = frames_of(8, 20)
    async with working(redis_url, options=IDLE), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames:
            outgoing.send(pcm)
        expected = await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames), EndReason.IDLE)
        assert await timeline(redis_url, "c") == expected
        outgoing.send(frames[0])
        with pytest.raises(ProducerError, match="is closed"):
            await outgoing.drain()
        with pytest.raises(ProducerError, match="is closed"):
            outgoing.send(frames[0])


async def test_a_call_that_was_announced_and_never_heard_is_closed(redis_url: str) -> None:
    async with working(redis_url, options=IDLE), producing(redis_url) as producer:
        await producer.start(a_call("mute"))
        events = await timeline(redis_url, "mute")
    assert b'"call_ended":{"reason":"END_REASON_IDLE"}' in events[-1]


async def test_the_idle_timeout_closes_the_channels_that_are_left(redis_url: str, redis: Shard) -> None:
    async with working(redis_url, options=IDLE) as workers, producing(redis_url) as producer:
        await producer.start(a_call("c", channels=2))
        await redis.execute_command("XADD", "call:{c}:audio:0", "9007199254740991-0", "end", "hangup")
        assert await timeline(redis_url, "c")
        await until(lambda: not any(worker.calls for worker in workers))
    closings = [
        await redis.execute_command("XREVRANGE", f"call:{{c}}:audio:{at}", "+", "-", "COUNT", 1) for at in (0, 1)
    ]
    assert [closing[0][1] for closing in closings] == [[b"end", b"hangup"], [b"end", b"idle"]]


async def test_a_line_with_frames_is_not_closed(redis_url: str) -> None:
    frames = frames_of(9, 25)
    async with working(redis_url, options=IDLE), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames, 0.1)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))


async def test_dead_lines_do_not_end_a_worker_that_is_slow(redis_url: str) -> None:
    """All logs are closed and read, and the stage is still busy: the timeout comes round again and again."""
    frames = frames_of(10, 20)
    async with producing(redis_url) as producer:
        await play(producer, a_call("c"), frames)
        async with working(redis_url, [VAD], options=WorkerOptions(**{**FAST, "idle_close_s": 0.05})):
            await asyncio.sleep(1.0)
        async with working(redis_url):
            assert await timeline(redis_url, "c")


async def test_a_hole_longer_than_the_allowed_backlog_is_no_backlog(redis_url: str) -> None:
    frames = frames_of(11, 20)
    async with working(redis_url), producing(redis_url, limit_s=2.0) as producer:
        outgoing = await producer.start(a_call("c"))
        sent = [(end + (80_000 if at >= 10 else 0), pcm) for at, (end, pcm) in enumerate(numbered(frames))]
        for end, pcm in sent:
            outgoing.send(pcm, end_sample=end)
        await asyncio.wait_for(outgoing.end(), 30)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), sent)
