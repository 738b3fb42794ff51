"""The sound of separated sources: kept with the events that speak of it, once, and no longer than the call."""

import asyncio
from typing import Any

import pytest

from speakerline.shared import codec
from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.client.forget import forget
from speakerline.shared.contract.v1 import Encoding, Separation
from speakerline.shared.keys import sounds_key, stream_key
from speakerline.shared.pipeline import PIPELINE, SOURCES
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.audio_reader import RedisAudio
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.options import WorkerOptions
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of

SOUNDS = sounds_key("c")


async def separations(redis: Shard) -> list[Separation]:
    entries = await redis.execute_command("XRANGE", stream_key("c", SOURCES), "-", "+")
    bodies = [codec.read(SOURCES, pairs(flat)[b"event"]) for _, flat in entries if b"event" in flat]
    return [body for body in bodies if isinstance(body, Separation)]


async def test_every_source_has_its_sound_and_what_was_removed_is_gone(redis_url: str, redis: Shard) -> None:
    frames = frames_of(1, 60)
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
    sources = [separation.sources[0] for separation in await separations(redis)]
    kept: dict[Any, Any] = await redis.hgetall(SOUNDS)
    drafts = {name for name in kept if name.startswith(b"draft")}
    assert drafts == {f"draft of {sources[-1].source_id}".encode()}, "each draft but the last one was removed"
    assert kept.keys() - drafts == {source.source_id.encode() for source in sources}
    assert {source.sound_key for source in sources} == {SOUNDS}
    audio, sound = RedisAudio(redis, a_call("c")), to_float32(decode(b"".join(frames), Encoding.MULAW))
    for source in sources:
        heard = await audio.read_source(source.source_id)
        assert heard is not None
        assert heard == pytest.approx(sound[source.start_ms * 8 : source.end_ms * 8], abs=1e-4)
    assert await audio.read_source("unknown") is None


async def test_there_is_never_a_source_without_its_sound(redis_url: str, redis: Shard) -> None:
    """Whenever one looks: events and sounds come in one commit."""
    async with working(redis_url, PIPELINE[:3]), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        seen = 0
        for pcm in frames_of(2, 80):
            outgoing.send(pcm)
            await outgoing.drain()
            told = await separations(redis)
            seen = max(seen, len(told))
            for separation in told:
                assert await redis.hexists(SOUNDS, separation.sources[0].source_id)
        await outgoing.end()
        await until(lambda: redis.hget("call:{c}:stage:separation", "finished"))
    assert seen > 0


@pytest.mark.parametrize(
    ("token", "version"), [pytest.param("1", "0", id="a former owner"), pytest.param("2", "7", id="an older state")]
)
async def test_a_commit_that_is_refused_touches_no_sound(redis: Shard, token: str, version: str) -> None:
    stage = "call:{c}:stage:separation"
    await redis.hset(stage, mapping={"token": "2", "version": "8"})
    await redis.hset(SOUNDS, "old", b"old")
    keys = [stage, "call:{c}:meta", SOUNDS]
    sounds = [3, 1, "new", b"new", 1, "old"]
    assert await scripts.run(redis, "commit", keys, token, version, "", 0, 0, *sounds, 0, 0, 0) in (b"FENCED", b"STALE")
    assert await redis.hgetall(SOUNDS) == {b"old": b"old"}
    assert await scripts.run(redis, "commit", keys, "2", "8", "", 0, 0, *sounds, 0, 0, 0) == b"DONE"
    assert await redis.hgetall(SOUNDS) == {b"new": b"new"}


async def test_sounds_expire_with_the_call(redis_url: str, redis: Shard) -> None:
    options = WorkerOptions(**{**FAST, "ttl_s": 100})
    async with working(redis_url, options=options), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(3, 30))
        await timeline(redis_url, "c")
        await until(lambda: redis.hget("call:{c}:stage:aggregator", "finished"))
    assert await redis.hlen(SOUNDS) > 0
    assert 0 < await redis.ttl(SOUNDS) <= 100


async def test_an_erased_call_leaves_no_sound(redis_url: str, redis: Shard) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(4, 30))
        await timeline(redis_url, "c")
        assert await redis.exists(SOUNDS)
        await forget(redis_url, "c")
        assert not await redis.exists(SOUNDS)
