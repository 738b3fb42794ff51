"""Announced calls: each is one call, whoever announces it how often, and what is no call is put aside."""

import asyncio
import json
from dataclasses import replace

import pytest

from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS, LAST_POSITION, REFUSED, audio_key, meta_key, stage_key
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.ownership import Ownership
from tests.runtime.announcing import announce, no_announcements
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.reference import numbered, timeline_of


async def test_calls_announced_before_the_first_worker_are_taken(redis_url: str) -> None:
    frames = frames_of(1, 20)
    async with producing(redis_url) as producer:
        await play(producer, a_call("early"), frames)
        async with working(redis_url):
            assert await timeline(redis_url, "early") == await asyncio.to_thread(
                timeline_of, a_call("early"), numbered(frames)
            )


async def test_a_call_announced_twice_is_one_call(redis_url: str, redis: Shard) -> None:
    frames = frames_of(2, 40)
    async with working(redis_url), working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for number, pcm in enumerate(frames):
            outgoing.send(pcm)
            if number % 8 == 0:
                await announce(redis, a_call("c"))
            await asyncio.sleep(0.02)
        await outgoing.end()
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
        await until(lambda: no_announcements(redis))


async def test_an_announcement_goes_only_when_every_stage_is_done(redis_url: str, redis: Shard) -> None:
    async with producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(3, 20))
        async with working(redis_url, PIPELINE[:2]):
            await until(lambda: redis.hget("call:{c}:stage:embedding", "finished"))
            await asyncio.sleep(0.3)
            assert await redis.xlen(CALLS) == 1
        async with working(redis_url, PIPELINE[2:]):
            await timeline(redis_url, "c")
            await until(lambda: no_announcements(redis))
    for group in await redis.xinfo_groups(CALLS):
        assert group["pending"] == 0


async def test_an_owner_that_died_between_finishing_and_acknowledging_leaves_nothing(
    redis_url: str, redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(4, 20))

    async def die(self: Ownership, entry: bytes, delete: bool = False) -> None:
        raise ConnectionError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(Ownership, "acknowledge", die)
        async with working(redis_url):
            await timeline(redis_url, "c")
    assert await redis.xlen(CALLS) == 1
    async with working(redis_url):
        await until(lambda: no_announcements(redis))


@pytest.mark.parametrize(
    ("announcement", "reason"),
    [
        pytest.param(b"", "CallStarted", id="nothing"),
        pytest.param(
            b'{"call_id":"a b","sample_rate":8000,"encoding":1}', "call_id of 3 characters", id="a call id with a space"
        ),
        pytest.param(
            b'{"call_id":"c","sample_rate":44100,"encoding":1}', "44100", id="a rate that telephones don't have"
        ),
        pytest.param(b'{"call_id":"c","sample_rate":8000}', "ENCODING_MULAW", id="no encoding"),
    ],
)
async def test_an_announcement_that_is_no_call_is_put_aside_with_the_reason(
    redis_url: str, redis: Shard, announcement: bytes, reason: str
) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        entry = await redis.execute_command("XADD", CALLS, "*", "event", announcement)
        await play(producer, a_call("good"), frames_of(5, 10))
        assert await timeline(redis_url, "good")
        await until(lambda: no_announcements(redis))
    ((_, flat),) = await redis.execute_command("XRANGE", REFUSED, "-", "+")
    refused = pairs(flat)
    assert set(refused) == {b"entry", b"bytes", b"reason"}, "and nothing of what was announced"
    assert (refused[b"entry"], int(refused[b"bytes"])) == (entry, len(announcement))
    assert reason in refused[b"reason"].decode()
    assert 0 < await redis.ttl(REFUSED) <= 86_400


async def test_what_was_written_for_a_refused_call_has_a_lifetime_until_it_is_a_call_after_all(
    redis_url: str, redis: Shard
) -> None:
    frames = frames_of(5, 20)
    wrong = json.dumps({**json.loads(write_call(a_call("c"))), "sample_rate": 44100})
    audio = audio_key("c", 0)
    async with working(redis_url):
        await redis.execute_command("XADD", audio, "0-1", "start", "1")
        await redis.execute_command("XADD", audio, "800-0", "pcm", frames[0])
        await redis.execute_command("XADD", CALLS, "*", "event", wrong)
        await until(lambda: redis.xlen(REFUSED))
        assert 0 < await redis.ttl(audio) <= FAST_OPTIONS.ttl_s
        await announce(redis, a_call("c"))
        await until(lambda: redis.exists(stage_key("c", "aggregator")))
        assert await redis.ttl(audio) == await redis.ttl(meta_key("c")) == -1
        await redis.execute_command("XADD", CALLS, "*", "event", wrong)
        await until(lambda: _are_refused(redis, 2))
        assert await redis.ttl(audio) == await redis.ttl(meta_key("c")) == -1, "it is taken"
        await redis.execute_command("XADD", audio, f"{LAST_POSITION}-0", "end", "hangup")
        assert await timeline(redis_url, "c")
        await until(lambda: no_announcements(redis))
        assert await redis.ttl(audio) > 0


async def _are_refused(redis: Shard, count: int) -> bool:
    return bool(await redis.xlen(REFUSED) == count)


@pytest.mark.parametrize("key", ["call:{bad}:meta", "call:{bad}:audio:0", "call:{bad}:stage:vad"])
async def test_keys_that_hold_something_else_spoil_only_their_call(redis_url: str, redis: Shard, key: str) -> None:
    await redis.rpush(key, "something else")
    options = replace(FAST_OPTIONS, idle_close_s=2.0)  # what has no sound is looked at after that
    async with working(redis_url, options=options), producing(redis_url) as producer:
        await announce(redis, a_call("bad"))
        await play(producer, a_call("good"), frames_of(6, 10))
        assert await timeline(redis_url, "good")
        await until(lambda: no_announcements(redis))
    assert await redis.xlen(REFUSED) == 1
