"""Versions side by side: what a newer one writes is passed over or set aside by an older one, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from speakerline.shared.client.producer import OutgoingCall, Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.keys import CALLS, stage_key
from speakerline.shared.pipeline import PIPELINE, VAD, StageSpec
from speakerline.shared.runtime import ownership
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.metrics import Metrics
from tests.client.spoken_call import aggregating, spoken
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.reference import numbered, timeline_of

V = VAD.state_version
READS = " or ".join(map(str, VAD.readable))
TOO_OLD = VAD.readable[0] - 1
APART = [replace(spec, state_version=spec.state_version + 1, oldest_state=None) for spec in PIPELINE]
"""Of a newer version that reads no states of this one."""
NEWER = [replace(spec, oldest_state=spec.state_version - 1) for spec in APART]
"""Of one that does."""
DAMAGES = [
    ("low:audio:0", "x"),
    ("version", "x"),
    ("cursor:audio:0", "5"),
    ("last:speech", "5-x"),
    ("through", "x"),
    ("owners", "x"),
    ("tries", "x"),
    ("epochs", b"\xff"),
    ("part:state", '{"lines":'),
]
"""Fields of a state, with what may be in them."""
FRAMES = frames_of(1, 60)


async def add(redis: Redis, log: str, entry: str, event: str) -> None:
    await redis.execute_command("XADD", f"call:{{c}}:{log}", entry, "event", event)


async def test_an_event_that_only_a_newer_version_knows_is_passed_over_and_counted(redis_url: str) -> None:
    registry, redis = CollectorRegistry(), connect(redis_url)
    async with aggregating(redis_url, Metrics(registry)), spoken(redis_url) as call, Subscriber(redis_url) as stored:
        await add(redis, "words", "50-1", '{"laughter":{"start_ms":1}}')
        await add(redis, "words", "50-2", '{"gap":{"start_ms":1,"end_ms":2,"reason":"GAP_REASON_EATEN"}}')
        await call.say("one")
        await call.end()
        timeline = await stored.timeline("c")
    assert [one.words[0].text for one in timeline.transcripts.values()] == ["one"]
    assert timeline.gaps == []
    assert not await redis.exists("call:{c}:dead")
    assert registry.get_sample_value("speakerline_unknown_events_total", {"stage": "aggregator"}) == 2
    assert registry.get_sample_value("speakerline_failures_total", {"stage": "aggregator"}) == 0
    await redis.aclose()


@asynccontextmanager
async def left_by(state: Mapping[Any, str], url: str) -> AsyncIterator[Redis]:
    """A call in its middle, without a worker of vad; its state is changed, and there is another call."""
    redis = connect(url)
    async with working(url, PIPELINE[1:]), producing(url) as producer:
        async with working(url, NEWER[:1]):
            outgoing = await producer.start(a_call("c"))
            for pcm in FRAMES[:30]:
                outgoing.send(pcm)
            await until(lambda: redis.hexists(stage_key("c", VAD.name), "part:state"))
        key = stage_key("c", VAD.name)
        before = {name: await redis.hget(key, name) for name in state}
        if state:
            await redis.hset(key, mapping=dict(state))
        yield redis
        for name, value in before.items():
            await (redis.hdel(key, name) if value is None else redis.hset(key, name, value))
        for pcm in FRAMES[30:]:
            outgoing.send(pcm)
        await outgoing.end()
        async with working(url, NEWER[:1]):
            expected = await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))
            assert await timeline(url, "c") == expected
    await redis.aclose()


async def parts_of(redis: Redis) -> list[Any]:
    fields: dict[Any, Any] = await redis.hgetall(stage_key("c", VAD.name))
    return sorted(pair for pair in fields.items() if pair[0].startswith(b"part:"))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param({}, f"its state has version {V + 1}, this vad reads {READS}", id="of a newer version"),
        pytest.param(
            {"state_version": str(TOO_OLD)},
            f"its state has version {TOO_OLD}, this vad reads {READS}",
            id="of an older one",
        ),
        pytest.param({"state_version": "x"}, f"its state has version unknown, this vad reads {READS}", id="of none"),
        *(
            pytest.param({"state_version": str(V), name: value}, "its state can't be read: ", id=f"{name} is damaged")
            for name, value in DAMAGES
        ),
    ],
)
async def test_a_call_whose_state_can_not_be_read_is_set_aside(
    redis_url: str, caplog: pytest.LogCaptureFixture, state: Mapping[Any, str], reason: str
) -> None:
    registry = CollectorRegistry()
    parked = "speakerline_parked_calls", {"stage": "vad"}
    async with left_by(state, redis_url) as redis:
        before = await parts_of(redis)
        async with working(redis_url, [VAD], metrics=Metrics(registry)), producing(redis_url) as producer:
            await until(lambda: registry.get_sample_value(*parked))
            await play(producer, a_call("other"), FRAMES)
            assert await timeline(redis_url, "other")
            (lease,) = await redis.xpending_range(CALLS, VAD.name, "-", "+", 9, "parked")
            assert lease["times_delivered"] == 2, "taken once by each worker"
            assert registry.get_sample_value(*parked) == 1
        logged = [vars(record)["fields"] for record in caplog.records if record.message == "call parked"]
        assert [one["call_id"] for one in logged] == ["c"]
        assert logged[0]["reason"].startswith(reason)
        assert await parts_of(redis) == before


async def test_a_parked_call_goes_on_once_its_state_can_be_read(
    redis_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the worker that parked it: nobody has to start another one."""
    monkeypatch.setattr(ownership, "PARKED_S", 0.2)
    registry, redis = CollectorRegistry(), connect(redis_url)
    state, low = stage_key("c", VAD.name), "low:audio:0"
    async with working(redis_url, PIPELINE[1:]), producing(redis_url) as producer:
        async with working(redis_url, [VAD]):
            outgoing = await producer.start(a_call("c"))
            for pcm in FRAMES[:30]:
                outgoing.send(pcm)
            await until(lambda: redis.hexists(state, low))
        needed = await redis.hget(state, low)
        await redis.hset(state, low, "x")
        async with working(redis_url, [VAD], metrics=Metrics(registry)):
            tries = "speakerline_failures_total", {"stage": "vad"}
            await until(lambda: (registry.get_sample_value(*tries) or 0) >= 3)
            await redis.hset(state, low, needed)
            for pcm in FRAMES[30:]:
                outgoing.send(pcm)
            await outgoing.end()
            expected = await asyncio.to_thread(timeline_of, a_call("c"), numbered(FRAMES))
            assert await timeline(redis_url, "c") == expected
    assert caplog.messages.count("call parked") == 1
    await redis.aclose()


@pytest.mark.parametrize("new_ones", [NEWER, APART], ids=["that read states of old ones", "that read only their own"])
async def test_old_and_new_workers_side_by_side_change_nothing(
    redis_url: str, caplog: pytest.LogCaptureFixture, new_ones: Sequence[StageSpec]
) -> None:
    """New ones come and go, so that calls change hands in both directions; the old ones stay."""
    calls = {f"c{number}": frames_of(number, 40) for number in range(6)}

    async def play_later(producer: Producer, number: int) -> None:
        await asyncio.sleep(0.3 * number)
        await play(producer, a_call(f"c{number}"), calls[f"c{number}"], 0.03)

    async def play_until_parked(producer: Producer) -> None:
        """Its second half comes when an old worker has met what a new one left."""
        outgoing = await producer.start(a_call("c0"))
        for number, pcm in enumerate(calls["c0"]):
            if number == 20:
                await until(lambda: "call parked" in caplog.messages)
            outgoing.send(pcm)
        await outgoing.end()

    redis = connect(redis_url)
    async with producing(redis_url) as producer, AsyncExitStack() as old:
        playing = [asyncio.create_task(play_later(producer, number)) for number in range(1, len(calls))]
        playing.append(asyncio.create_task(play_until_parked(producer)))
        async with working(redis_url, new_ones):
            await until(lambda: redis.hexists(stage_key("c0", VAD.name), "state_version"))
            await old.enter_async_context(working(redis_url))
        while not all(task.done() for task in playing):
            await asyncio.sleep(0.2)
            async with working(redis_url, new_ones):
                await asyncio.sleep(0.5)
        async with working(redis_url, new_ones):
            for name, frames in calls.items():
                expected = await asyncio.to_thread(timeline_of, a_call(name), numbered(frames))
                assert await timeline(redis_url, name) == expected
    await redis.aclose()


async def test_beside_workers_of_a_newer_version_old_ones_end_their_calls_and_take_no_new_ones(redis_url: str) -> None:
    """The way to upgrade where the new version reads no states of the old one: new workers first, then wait."""
    registry = CollectorRegistry()
    drains = "speakerline_drains", {"stage": "vad"}

    async def start(producer: Producer, call_id: str) -> OutgoingCall:
        outgoing = await producer.start(a_call(call_id))
        outgoing.send(FRAMES[0])
        return outgoing

    async with (
        producing(redis_url) as producer,
        working(redis_url, PIPELINE[1:]),
        working(redis_url, [VAD], metrics=Metrics(registry)) as (old,),
    ):
        calls = [await start(producer, "before")]
        await until(lambda: old.calls)
        async with working(redis_url, APART[:1]) as (new,):
            await until(lambda: registry.get_sample_value(*drains) == 1)
            calls += [await start(producer, f"during-{number}") for number in range(5)]
            await until(lambda: len(new.calls) == 5)
            assert [call.id for call in old.calls] == ["before"]
            for pcm in FRAMES[1:]:
                for outgoing in calls:
                    outgoing.send(pcm)
            for outgoing in calls:
                await outgoing.end()
                expected = await asyncio.to_thread(timeline_of, outgoing.call, numbered(FRAMES))
                assert await timeline(redis_url, outgoing.call.call_id) == expected
            await until(lambda: not old.calls)
        await until(lambda: registry.get_sample_value(*drains) == 0)
        await play(producer, a_call("after"), FRAMES)
        assert await timeline(redis_url, "after")


async def test_calls_are_handed_over_to_workers_that_read_their_states(redis_url: str) -> None:
    async with producing(redis_url) as producer, working(redis_url, [VAD]) as (old,):
        for number in range(8):
            (await producer.start(a_call(f"c{number}"))).send(FRAMES[0])
        await until(lambda: len(old.calls) == 8)
        async with working(redis_url, APART[:1]) as (apart,):
            await asyncio.sleep(2 * FAST_OPTIONS.lease_s)
            assert (len(old.calls), len(apart.calls)) == (8, 0)
        async with working(redis_url, NEWER[:1]) as (newer,):
            await until(lambda: len(newer.calls) == 4)
