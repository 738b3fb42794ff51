"""Calls on several shards: one worker serves all of them, and nobody sees which shard a call is on."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import Voices
from speakerline.shared.codec import write_call
from speakerline.shared.keys import audio_key, shard_of, shard_prefix
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime.balance import Load
from speakerline.shared.runtime.connection import CONNECTION_LOST, Shard, connect, pairs
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.scales import Scales
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, shard_with, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

SHARDS = 3
FRAMES = frames_of(1, 20)


def one_on_each(shards: int = SHARDS) -> list[str]:
    """Ids of calls, in the order of their shards."""
    ids = {shard_of(f"c{number}", shards): f"c{number}" for number in range(100)}
    return [ids[shard] for shard in range(shards)]


@pytest.fixture
def url(redis_url: str) -> str:
    return f"{redis_url}?shards={SHARDS}"


async def expected(call_id: str) -> list[bytes]:
    return await asyncio.to_thread(timeline_of, a_call(call_id), numbered(FRAMES))


async def test_calls_on_all_shards_have_the_timelines_that_they_have_on_one(url: str, redis_url: str) -> None:
    ids = one_on_each()
    async with working(url), producing(url) as producer:
        await asyncio.gather(*(play(producer, a_call(call_id), FRAMES) for call_id in ids))
        assert [await timeline(url, call_id) for call_id in ids] == [await expected(call_id) for call_id in ids]
    redis = connect(redis_url)
    keys = [key.decode() async for key in redis.scan_iter()]
    assert {key.partition(":")[0] + ":" for key in keys} == {shard_prefix(shard, SHARDS) for shard in range(SHARDS)}
    for shard, call_id in enumerate(ids):
        prefix = shard_prefix(shard, SHARDS)
        assert all(key.startswith(prefix) for key in keys if f"call:{{{call_id}}}" in key)
        assert f"{prefix}timeline" in keys and await redis.ttl(f"{prefix}timeline") == -1
        assert 0 < await redis.ttl(f"{prefix}call:{{{call_id}}}:meta") <= 3600
    await redis.aclose()


async def test_who_follows_all_calls_gets_those_of_all_shards_and_comes_back_to_where_it_was(url: str) -> None:
    ids = one_on_each()
    async with working(url), producing(url) as producer, Subscriber(url) as subscriber:
        for call_id in ids[:2]:
            await play(producer, a_call(call_id), FRAMES)
            await timeline(url, call_id)
        seen: dict[str, list[int]] = {}
        async for place, event in subscriber.follow_all("0-0"):
            seen.setdefault(event.call_id, []).append(event.seq)
            last = place
            if sum(map(len, seen.values())) == 10:
                break
        assert last.count(",") == SHARDS - 1
        await play(producer, a_call(ids[2]), FRAMES)
        whole = {call_id: len(await timeline(url, call_id)) for call_id in ids}
        async for _, event in subscriber.follow_all(last):
            seen.setdefault(event.call_id, []).append(event.seq)
            if {call_id: len(seqs) for call_id, seqs in seen.items()} == whole:
                break
        assert seen == {call_id: list(range(1, count + 1)) for call_id, count in whole.items()}


async def test_a_place_among_other_shards_is_refused(url: str) -> None:
    async with Subscriber(url) as subscriber:
        with pytest.raises(ValueError, match="2 ids for 3 shards: expected one, or one for each"):
            await anext(subscriber.follow_all("1-0,2-0"))


async def test_calls_are_listed_and_erased_wherever_they_are(url: str, redis_url: str) -> None:
    ids = one_on_each()
    async with producing(url) as producer, Subscriber(url) as subscriber:
        for call_id in ids:
            await producer.start(a_call(call_id))
        assert [call.call_id for call in await subscriber.calls()] == ids
        assert (await forget(url, *ids[:2])).deleted > 0
        assert [call.call_id for call in await subscriber.calls()] == ids[2:]
        assert await subscriber.erased(ids[0]) and not await subscriber.erased(ids[2])
    redis = connect(redis_url)
    assert not [key async for key in redis.scan_iter() if any(f"{{{one}}}".encode() in key for one in ids[:2])]
    await redis.aclose()


async def test_voices_are_those_of_all_calls(url: str, redis_url: str) -> None:
    async with Voices(url) as voices, Voices(url) as others:
        await voices.store("Ann", StoredVoiceprint("e", "AAAA", 3.0))
        assert list(await others.read()) == ["Ann"]
        redis = connect(redis_url)
        assert sorted(await redis.keys()) == [f"{{calls_{shard}}}:voiceprints".encode() for shard in range(SHARDS)]
        assert await others.erase("Ann") and not await voices.erase("Ann")
        assert await redis.keys() == []
        await redis.aclose()


async def test_voices_are_known_while_any_shard_is_there(new_redis_server: Callable[..., RedisServer]) -> None:
    servers = [new_redis_server(aof=True), new_redis_server(aof=True)]
    async with Voices(",".join(server.url for server in servers)) as voices:
        await voices.store("Ann", StoredVoiceprint("e", "AAAA", 3.0))
        servers[0].kill()
        assert list(await voices.read()) == ["Ann"]
        with pytest.raises(CONNECTION_LOST):
            await voices.store("Bo", StoredVoiceprint("e", "AAAA", 3.0))
        assert sorted(await voices.read()) == ["Ann", "Bo"]
        with pytest.raises(CONNECTION_LOST):
            await voices.erase("Ann")
        servers[1].kill()
        with pytest.raises(CONNECTION_LOST):
            await voices.read()


async def test_while_one_redis_is_away_calls_of_the_other_go_on(new_redis_server: Callable[..., RedisServer]) -> None:
    servers = [new_redis_server(aof=True), new_redis_server(aof=True)]
    url = ",".join(server.url for server in servers)
    away, there = one_on_each(2)
    async with working(url) as workers, producing(url) as producer:
        outgoing = await producer.start(a_call(away))
        for pcm in FRAMES[:10]:
            outgoing.send(pcm)
        await outgoing.drain()
        servers[0].kill()
        await play(producer, a_call(there), FRAMES)
        assert await timeline(url, there) == await expected(there)
        assert [await shard.progress.problem_of_redis() == "" for shard in workers[0].shards] == [False, True]
        await asyncio.to_thread(servers[0].start)
        for pcm in FRAMES[10:]:
            outgoing.send(pcm)
        await outgoing.end()
        assert await timeline(url, away) == await expected(away)


async def test_a_worker_holds_no_more_calls_than_it_has_places_on_all_shards(url: str) -> None:
    registry = CollectorRegistry()
    options = WorkerOptions(**{**FAST, "capacity": 4})
    async with producing(url) as producer, working(url, [VAD], options=options, metrics=Metrics(registry)) as (worker,):
        for number in range(12):
            (await producer.start(a_call(f"c{number}"))).send(FRAMES[0])

        def told(name: str) -> float | None:
            return registry.get_sample_value(f"speakerline_{name}_calls", {"stage": "vad"})

        await until(lambda: (told("owned"), told("group_lag")) == (4.0, 8.0))
        assert len(worker.calls) == 4


async def test_of_calls_that_come_to_life_on_all_shards_at_once_only_as_many_as_there_are_places_are_opened(
    redis_url: str, redis: Shard
) -> None:
    ids = one_on_each(8)
    options = WorkerOptions(**{**FAST, "capacity": 1})
    url = f"{redis_url}?shards={len(ids)}"
    async with producing(url) as producer, working(url, [VAD], options=options) as (worker,):
        for call_id in ids:
            await producer.start(a_call(call_id))
        await until(lambda: sum(shard.lobby.silent for shard in worker.shards) == len(ids))
        sounds = redis.pipeline()
        for number, call_id in enumerate(ids):
            key = f"{shard_prefix(number, len(ids))}{audio_key(call_id, 0)}"
            sounds.execute_command("XADD", key, "800-0", "pcm", FRAMES[0])
        await sounds.execute()
        await until(lambda: sum(shard.heartbeat.waiting.count for shard in worker.shards) == len(ids) - 1)
        assert len(worker.calls) == 1


async def test_workers_share_the_calls_of_all_shards_also_where_each_shard_has_few(redis_url: str) -> None:
    """One call on each: shard by shard, nothing would be uneven."""
    url, ids = f"{redis_url}?shards=6", one_on_each(6)
    options = WorkerOptions(**{**FAST, "comfortable": 10, "lease_s": 3.0})
    async with producing(url) as producer, working(url, [VAD], options=options) as (first,):
        for call_id in ids:
            (await producer.start(a_call(call_id))).send(FRAMES[0])
        await until(lambda: len(first.calls) == 6)
        async with working(url, [VAD], options=options) as (second,):
            await until(lambda: (len(first.calls), len(second.calls)) == (3, 3))


async def test_an_announcement_is_refused_on_its_shard(url: str) -> None:
    redis = shard_with(url, "c")
    async with working(url, PIPELINE[:1]):
        await redis.execute_command("XADD", redis.key("calls"), "*", "event", "no call")
        await until(lambda: redis.xlen(redis.key("calls:refused")))
    await redis.aclose()


async def test_sound_that_nobody_announces_gets_a_lifetime_on_every_shard(url: str) -> None:
    ids = one_on_each()
    clients = [shard_with(url, call_id) for call_id in ids]
    keys = [redis.key(f"call:{{{call_id}}}:audio:0") for redis, call_id in zip(clients, ids, strict=True)]
    for redis, key in zip(clients, keys, strict=True):
        await redis.xadd(key, {"pcm": b"x"}, "800-0")
    async with working(url, [VAD]):
        for redis, key in zip(clients, keys, strict=True):
            await until(partial(_ends, redis, key))
    for redis in clients:
        await redis.aclose()


async def _ends(redis: Shard, key: str) -> bool:
    return bool(await redis.ttl(key) > 0)


async def test_a_call_that_is_announced_on_another_shard_is_refused_in_words(url: str) -> None:
    """As by a producer that reckons with another number of shards."""
    call_id = one_on_each()[0]
    other = shard_with(url, one_on_each()[1])
    async with working(url, [VAD]):
        await other.execute_command("XADD", other.key("calls"), "*", "event", write_call(a_call(call_id)))
        await until(lambda: other.xlen(other.key("calls:refused")))
        ((_, fields),) = await other.execute_command("XRANGE", other.key("calls:refused"), "-", "+")
    assert pairs(fields)[b"reason"] == b"its call_id is of shard 0 of 3, and this is shard 1"
    await other.aclose()


def test_peers_are_weighed_by_what_they_hold_on_all_shards() -> None:
    scales = Scales()
    scales.put("a", 2, {"one": Load(3, 10), "two": Load(1, 20)})
    scales.put("b", 1, {"one": Load(4, 10, 0.5)})
    assert sorted(scales.peers, key=lambda one: one.held) == [Load(1, 20), Load(7, 10, 0.5)] and scales.offered == 3
    scales.offer("b", 5)
    assert scales.offered == 8
    scales.put("b", 0, {})
    assert scales.peers == [Load(3, 10), Load(1, 20)] and scales.offered == 2
