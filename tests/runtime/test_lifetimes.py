"""Whatever a producer writes has a lifetime once no call goes on with it."""

import json
from typing import Any

import pytest

from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS, FIREHOSE, REFUSED, meta_key
from speakerline.shared.logs import Log
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.orphans import Orphans
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working

LASTING = {CALLS.encode(), FIREHOSE.encode(), b"calls:wake:"}
"""What all calls share (shared/keys.py)."""
TTL_S = 50


async def open_log(redis: Shard, call_id: str, channel: int = 0) -> bytes:
    key = f"call:{{{call_id}}}:audio:{channel}"
    await redis.execute_command("XADD", key, "0-1", "start", "1")
    await redis.execute_command("XADD", key, "NOMKSTREAM", "800-0", "pcm", b"\xff" * 800)
    return key.encode()


async def announce(redis: Shard, call_id: str, **fields: Any) -> bytes:
    call = {"call_id": call_id, "sample_rate": 8000, "encoding": "ENCODING_MULAW", **fields}
    return bytes(await redis.execute_command("XADD", CALLS, "*", "event", json.dumps(call)))


async def lasting(redis: Shard) -> set[bytes]:
    """Keys without a lifetime, but for what all calls share."""
    keys = [key async for key in redis.scan_iter()]
    ttls = [await redis.ttl(key) for key in keys]
    return {key for key, ttl in zip(keys, ttls, strict=True) if ttl == -1 and not key.startswith(tuple(LASTING))}


async def refusals(redis: Shard) -> list[str]:
    entries = await redis.execute_command("XRANGE", REFUSED, "-", "+")
    return [pairs(flat)[b"reason"].decode() for _, flat in entries]


async def test_when_all_has_ended_every_key_has_a_lifetime(redis_url: str, redis: Shard) -> None:
    """A call that ended; one more channel than it announced; sound of a refused call, before and after; of none; a call
    that was announced twice and closed before its first sound; a log that nobody opened and somebody closed."""
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("ended"), frames_of(1, 10))
        await timeline(redis_url, "ended")
        await open_log(redis, "ended", 7)
        await open_log(redis, "refused")
        await announce(redis, "refused", sample_rate=44100)
        await until(lambda: refusals(redis))
        await open_log(redis, "refused", 1)
        await open_log(redis, "nobody's")
        await open_log(redis, "")
        await redis.set("call:{nobody's}:whatever", "?")
        mute = "call:{mute}:audio:0"
        await redis.execute_command("XADD", mute, "0-1", "start", "1")
        for _ in range(2):
            await announce(redis, "mute")
        for key in (mute, "call:{only closed}:audio:0"):
            await redis.execute_command("XADD", key, "9007199254740991-0", "end", "hangup")
        await timeline(redis_url, "mute")

        async def nothing_lasts() -> bool:
            return not await lasting(redis)

        await until(nothing_lasts)


async def test_sound_of_a_call_that_goes_on_or_is_announced_stays(redis: Shard) -> None:
    running, waiting, orphan = [await open_log(redis, name) for name in ("running", "waiting", "orphan")]
    await redis.hset(meta_key("running"), "entry", "1-0")
    await announce(redis, "waiting")
    orphans = Orphans(redis, TTL_S, Log())
    await orphans.look()
    assert [await redis.ttl(key) for key in (running, waiting)] == [-1, -1]
    assert 0 < await redis.ttl(orphan) <= TTL_S


async def test_keys_of_calls_that_the_worker_has_are_not_asked_about(redis: Shard) -> None:
    ours = [await open_log(redis, f"ours-{number}") for number in range(50)]
    orphan = await open_log(redis, "orphan")
    await redis.config_resetstat()
    await Orphans(redis, TTL_S, Log(), lambda: {f"ours-{number}" for number in range(50)}).look()
    assert (await redis.info("commandstats"))["cmdstat_ttl"]["calls"] < 10
    assert 0 < await redis.ttl(orphan) <= TTL_S
    assert await redis.ttl(ours[0]) == -1


async def test_of_many_announcements_some_are_read_at_a_time(redis: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """While many calls are silent, a look at all of them would cost more than the calls that speak."""
    monkeypatch.setattr("speakerline.shared.runtime.orphans.READ", 2)
    orphan, *announced = [await open_log(redis, f"c{number}") for number in range(6)]
    for number in range(1, 6):
        await announce(redis, f"c{number}")
    orphans = Orphans(redis, TTL_S, Log())
    for _ in range(2):
        await orphans.look()
        assert await redis.ttl(orphan) == -1, "any of the others may announce it"
    await orphans.look()
    assert 0 < await redis.ttl(orphan) <= TTL_S
    assert [await redis.ttl(key) for key in announced] == [-1] * 5


@pytest.mark.parametrize("expires", [False, True])
async def test_what_is_no_hash_where_a_call_would_be_is_of_no_call(redis: Shard, expires: bool) -> None:
    key = await open_log(redis, "bad")
    await redis.rpush(meta_key("bad"), "something else")
    if expires:
        await redis.expire(meta_key("bad"), TTL_S)
    await Orphans(redis, TTL_S, Log()).look()
    assert [0 < await redis.ttl(one) <= TTL_S for one in (key, meta_key("bad"))] == [True, True]


async def test_all_keys_are_looked_at_in_turn(redis: Shard) -> None:
    keys = [await open_log(redis, f"c{number}") for number in range(1500)]
    orphans = Orphans(redis, TTL_S, Log())

    async def all_have_one() -> bool:
        await orphans.look()
        return all([0 < await redis.ttl(key) <= TTL_S for key in keys])

    await until(all_have_one)


async def test_who_announces_the_call_after_all_lifts_the_lifetime(redis_url: str, redis: Shard) -> None:
    key = await open_log(redis, "c")
    await redis.expire(key, TTL_S)
    async with working(redis_url):
        await announce(redis, "c")
        await until(lambda: redis.exists(meta_key("c")))
        await until(lambda: _lasts(redis, key))


async def _lasts(redis: Shard, key: bytes) -> bool:
    return int(await redis.ttl(key)) == -1


async def test_an_id_that_is_used_again_is_refused_in_words(redis_url: str, redis: Shard) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(1, 10))
        before = await timeline(redis_url, "c")
        await announce(redis, "c", metadata={"again": "yes"})
        await until(lambda: refusals(redis))
        assert await refusals(redis) == [
            "its call_id was used before, by a call that has ended: expected one that was never used"
        ]
        assert await timeline(redis_url, "c") == before


async def test_a_second_call_of_an_id_is_refused_and_the_same_announcement_is_not(redis_url: str, redis: Shard) -> None:
    async with working(redis_url):
        await open_log(redis, "c")
        for _ in range(2):
            await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
        await until(lambda: _announcements(redis, 1))
        await announce(redis, "c", metadata={"other": "call"})
        await until(lambda: refusals(redis))
        assert await refusals(redis) == ["its call_id is that of a call that goes on: expected one that was never used"]


async def _announcements(redis: Shard, count: int) -> bool:
    return int(await redis.xlen(CALLS)) == count
