"""Redis away, cut off, full, read-only, emptied: what was accepted is not lost, and nothing ends."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.client.producer import Producer
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import CONNECTION_LOST, connect
from speakerline.shared.runtime.metrics import Metrics
from tests.redis_server import RedisServer
from tests.runtime.playing import (
    a_call,
    frames_of,
    is_rewritten_after_its_start,
    play,
    producing,
    timeline,
    until,
    working,
)
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.toy_stages import POISON

NewServer = Callable[..., RedisServer]


async def assert_as_without_faults(url: str, call_id: str, frames: Sequence[bytes]) -> None:
    expected = await asyncio.to_thread(timeline_of, a_call(call_id), numbered(frames))
    assert await timeline(url, call_id) == expected


async def test_flushed_scripts_are_loaded_again_by_workers_and_producers(redis_url: str) -> None:
    frames = frames_of(1, 60)
    redis, registry = connect(redis_url), CollectorRegistry()
    async with working(redis_url, metrics=Metrics(registry)), producing(redis_url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.02))
        for _ in range(12):
            await redis.script_flush()
            await asyncio.sleep(0.1)
        await playing
        await assert_as_without_faults(redis_url, "c", frames)
    failures = [registry.get_sample_value("speakerline_failures_total", {"stage": spec.name}) for spec in PIPELINE]
    assert failures == [0.0] * len(PIPELINE), "no step failed for want of a script"
    await redis.aclose()


async def test_dropped_connections_change_nothing(redis_url: str) -> None:
    frames = frames_of(2, 80)
    redis = connect(redis_url)

    async def last_heard() -> bytes:
        return (await redis.xinfo_stream("call:{c}:audio:0"))["last-generated-id"]  # type: ignore[no-any-return]

    async with working(redis_url), producing(redis_url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.02))
        await until(lambda: redis.exists("call:{c}:audio:0"))
        while not playing.done():
            before = await last_heard()
            await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(0.07)
            while not playing.done() and await last_heard() == before:
                await asyncio.sleep(0.01)
        await playing
        await assert_as_without_faults(redis_url, "c", frames)
    await redis.aclose()


@pytest.mark.parametrize("executed", [True, False], ids=["the command had been executed", "the command was lost"])
async def test_a_lost_reply_changes_nothing(redis_url: str, monkeypatch: pytest.MonkeyPatch, executed: bool) -> None:
    rng = random.Random(5)
    run, run_all = scripts.run, scripts.run_all

    async def unreliable(ask: Callable[..., Any], name: str, *arguments: Any) -> Any:
        fails = name in ("commit", "take", "try", "claim", "append") and rng.random() < 0.12
        if executed or not fails:
            answer = await ask(arguments[0], name, *arguments[1:])
        if fails:
            raise RedisConnectionError("the reply was lost")
        return answer

    monkeypatch.setattr(scripts, "run", lambda redis, name, *rest: unreliable(run, name, redis, *rest))
    monkeypatch.setattr(scripts, "run_all", lambda redis, name, *rest: unreliable(run_all, name, redis, *rest))
    frames = frames_of(3, 40, {20: POISON})
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames, 0.01)
        await assert_as_without_faults(redis_url, "c", frames)
    redis = connect(redis_url)
    assert await redis.xlen("call:{c}:dead") == 1
    await redis.aclose()


async def test_an_outage_is_logged_with_what_redis_said(
    new_redis_server: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = new_redis_server()
    async with working(server.url, PIPELINE[:1]), producing(server.url) as producer:
        outgoing = await producer.start(a_call("c"))
        server.command("CONFIG", "SET", "maxmemory", "1")
        outgoing.send(frames_of(1, 1)[0])
        await until(lambda: "frames wait" in caplog.messages)
        server.kill()
        await until(lambda: "redis outage" in caplog.messages)
        await asyncio.to_thread(server.start)
    errors = {line.message: line.fields["error"] for line in reversed(caplog.records) if hasattr(line, "fields")}
    assert "command not allowed when used memory > 'maxmemory'" in errors["frames wait"]
    assert "connect" in errors["redis outage"].lower()


async def test_workers_and_producers_wait_for_a_redis_that_is_not_there_yet() -> None:
    server = RedisServer()
    frames = frames_of(4, 20)
    try:
        async with working(server.url), producing(server.url) as producer:
            playing = asyncio.create_task(play(producer, a_call("c"), frames))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(server.start)
            await playing
            await assert_as_without_faults(server.url, "c", frames)
    finally:
        server.close()


async def test_a_worker_can_be_stopped_while_redis_is_away() -> None:
    server = RedisServer()
    async with working(server.url):
        await asyncio.sleep(0.3)
    server.close()


async def test_redis_killed_and_restarted_on_its_log_loses_nothing(new_redis_server: NewServer) -> None:
    server = new_redis_server(aof=True)
    frames = frames_of(5, 80)
    async with working(server.url), producing(server.url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.03))
        for _ in range(3):
            await asyncio.sleep(0.5)
            server.kill()
            await asyncio.sleep(0.2)
            await asyncio.to_thread(server.start)
        await playing
        await assert_as_without_faults(server.url, "c", frames)


async def test_what_a_power_cut_took_from_the_log_is_sent_again(new_redis_server: NewServer) -> None:
    server = new_redis_server(aof=True)
    redis, frames = connect(server.url), frames_of(6, 90)
    async with working(server.url), producing(server.url) as producer:
        await until(lambda: is_rewritten_after_its_start(redis))
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.03))
        await until(lambda: server.log.stat().st_size > 60_000, 30)
        server.kill()
        server.cut_log(server.log.stat().st_size - 20_000)
        await asyncio.to_thread(server.start)
        await playing
        await assert_as_without_faults(server.url, "c", frames)
    await redis.aclose()


async def test_a_hanging_redis_is_waited_for(new_redis_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.connection.SOCKET_TIMEOUT_S", 0.7)
    server = new_redis_server()
    frames = frames_of(7, 60)
    async with working(server.url), producing(server.url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.03))
        await asyncio.sleep(0.5)
        server.pause()
        await asyncio.sleep(1.5)
        server.resume()
        await playing
        await assert_as_without_faults(server.url, "c", frames)


async def test_a_connection_ends_although_redis_hangs_and_takes_nothing_more(
    new_redis_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.connection.SOCKET_TIMEOUT_S", 0.2)
    server = new_redis_server()
    redis = connect(server.url)
    await redis.ping()
    server.pause()
    sending = asyncio.create_task(redis.execute_command("SET", "k", bytes(10_000_000)))
    await asyncio.sleep(0.05)
    await redis.aclose()
    with pytest.raises(CONNECTION_LOST):
        await sending


async def test_a_full_redis_takes_no_more_sound_while_stages_commit_and_make_room(new_redis_server: NewServer) -> None:
    server = new_redis_server(maxmemory="3500kb")
    frames = frames_of(9, 3500)
    async with producing(server.url, limit_s=3600) as producer:
        outgoing = await producer.start(a_call("c"), buffer_s=3600)
        for pcm in frames:
            outgoing.send(pcm)
        ending = asyncio.create_task(outgoing.end())
        redis = connect(server.url)
        await until(lambda: redis.xlen("call:{c}:audio:0"))
        await asyncio.sleep(1.0)
        assert await redis.xlen("call:{c}:audio:0") < len(frames)
        async with working(server.url):
            await asyncio.wait_for(ending, 120)
            await assert_as_without_faults(server.url, "c", frames)
        await redis.aclose()


async def test_a_read_only_redis_is_waited_for(new_redis_server: NewServer) -> None:
    server = new_redis_server()
    frames = frames_of(10, 60)
    redis = connect(server.url)
    async with working(server.url), producing(server.url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames, 0.03))
        await asyncio.sleep(0.5)
        await redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(0.7)
        await redis.execute_command("REPLICAOF", "NO", "ONE")
        await playing
        await assert_as_without_faults(server.url, "c", frames)
    await redis.aclose()


async def test_workers_go_on_with_new_calls_after_redis_lost_everything(new_redis_server: NewServer) -> None:
    server = new_redis_server()
    frames = frames_of(11, 30)
    async with working(server.url):
        async with producing(server.url) as producer:
            await play(producer, a_call("before"), frames)
            await timeline(server.url, "before")
        await asyncio.to_thread(server.restart, True)
        async with producing(server.url) as producer:
            await play(producer, a_call("after"), frames)
            await assert_as_without_faults(server.url, "after", frames)


async def test_a_call_that_redis_lost_is_whole_again_where_its_sound_went_out_lately(
    new_redis_server: NewServer,
) -> None:
    server = new_redis_server()
    frames = frames_of(12, 120)
    async with working(server.url), producing(server.url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames[:100]:
            outgoing.send(pcm)
        await outgoing.drain()
        await asyncio.to_thread(server.restart, True)
        for pcm in frames[100:]:
            outgoing.send(pcm)
        await outgoing.end()
        await assert_as_without_faults(server.url, "c", frames)


async def test_a_running_call_goes_on_with_a_gap_after_redis_lost_everything(new_redis_server: NewServer) -> None:
    server = new_redis_server()
    frames = frames_of(12, 120)
    async with working(server.url), producing(server.url) as producer:
        outgoing = await producer.start(a_call("c"))
        outgoing.outboxes[0]._replay_s = 0.0
        for pcm in frames[:100]:
            outgoing.send(pcm)
        await outgoing.drain()
        await asyncio.to_thread(server.restart, True)
        for pcm in frames[100:]:
            outgoing.send(pcm)
            await asyncio.sleep(0.01)
        await outgoing.end()
        events = await timeline(server.url, "c")
    assert b"GAP_REASON_LOST" in next(event for event in events if b'"seq":1,' in event)
    assert b"call_ended" in events[-1]


async def test_a_producer_keeps_no_more_than_its_buffer_while_redis_is_away() -> None:
    server = RedisServer().start()
    producer = Producer(server.url)
    try:
        outgoing = await producer.start(a_call("c"), buffer_s=2.0)
        server.kill()
        for pcm in frames_of(13, 100):
            outgoing.send(pcm)
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        assert outgoing.shed_ms >= 7000
    finally:
        await producer.aclose()
        server.close()
