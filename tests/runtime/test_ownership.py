"""Who owns a call: one owner at a time, whatever the announcements, and nothing written by any other."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, LAST_POSITION, REFUSED, audio_key, meta_key, stage_key
from speakerline.shared.pipeline import PIPELINE, VAD
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect, pairs
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.ownership import Claim, Ownership
from speakerline.shared.runtime.stage import AudioReader, Entry, NotNow, Step
from tests.runtime.playing import FAST_OPTIONS, a_call, frames_of, play, producing, timeline, until, working
from tests.runtime.processes import FAST
from tests.runtime.reference import numbered, timeline_of
from tests.runtime.toy_stages import STAGES, ToyVad


@pytest.fixture
async def redis(redis_url: str) -> Any:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def announce(redis: Shard, call: CallStarted) -> bytes:
    entry: bytes = await redis.execute_command("XADD", CALLS, "*", "event", write_call(call))
    return entry


async def taken(redis: Shard, owner: Ownership, call: CallStarted) -> tuple[Any, Claim]:
    """Claim a call and open it: the reply of the script, and the claim."""
    claims = await owner.take(10, set())
    replies = await owner.open([(claims[0], call)], 60, range(2))
    return replies[0], claims[0]


async def commit(redis: Shard, claim: Claim, version: int) -> bytes:
    keys = [stage_key("c", "vad"), "call:{c}:meta", "call:{c}:speech"]
    output = [1, 3, "100-0", "", 2, "event", "{}"]
    sounds = [0, 0, 0]
    outcome: bytes = await scripts.run(
        redis, "commit", keys, claim.fence, version, "", 0, *output, *sounds, 1, "part:x", "1", 0, 0
    )
    return outcome


async def test_a_taker_over_gets_a_higher_token_and_the_former_owner_writes_nothing_more(redis: Shard) -> None:
    first, second = Ownership(redis, "vad", 0.05), Ownership(redis, "vad", 0.05)
    call = a_call("c")
    await first.join()
    await announce(redis, call)
    _, old = await taken(redis, first, call)
    assert await commit(redis, old, 0) == b"DONE"
    await asyncio.sleep(0.1)
    fields, new = await taken(redis, second, call)
    assert new.token > old.token
    assert await commit(redis, old, 1) == b"FENCED"
    assert await redis.xlen("call:{c}:speech") == 1
    assert b"part:x" in fields[0], "the state of the former owner was handed over"


async def test_who_had_a_call_that_redis_lost_writes_nothing_to_the_one_that_was_announced_anew(redis: Shard) -> None:
    owner, call = Ownership(redis, "vad", 5.0), a_call("c")
    await owner.join()
    await announce(redis, call)
    _, lost = await taken(redis, owner, call)
    await redis.flushall()
    await asyncio.sleep(0.01)  # the id of an announcement tells the millisecond
    await owner.join()
    await announce(redis, call)
    _, found = await taken(redis, owner, call)
    assert (lost.token, found.token) == (1, 1)
    assert await commit(redis, lost, 0) == b"FENCED"
    assert await commit(redis, found, 0) == b"DONE"


async def test_a_commit_on_an_older_version_writes_nothing(redis: Shard) -> None:
    owner, call = Ownership(redis, "vad", 5.0), a_call("c")
    await owner.join()
    await announce(redis, call)
    _, claim = await taken(redis, owner, call)
    assert await commit(redis, claim, 0) == b"DONE"
    assert await commit(redis, claim, 0) == b"STALE"
    assert await redis.xlen("call:{c}:speech") == 1


async def test_a_lease_that_is_somebody_elses_does_not_open_a_call(redis: Shard) -> None:
    first, second = Ownership(redis, "vad", 0.05), Ownership(redis, "vad", 0.05)
    call = a_call("c")
    await first.join()
    await announce(redis, call)
    claim = (await first.take(10, set()))[0]
    await asyncio.sleep(0.1)
    assert len(await second.take(10, set())) == 1
    assert await first.open([(claim, call)], 60, range(2)) == [b"FENCED"]
    assert not await redis.exists(stage_key("c", "vad"))


async def test_a_heartbeat_keeps_the_lease(redis: Shard) -> None:
    first, second = Ownership(redis, "vad", 1.5), Ownership(redis, "vad", 1.5)
    await first.join()
    await announce(redis, a_call("c"))
    claim = (await first.take(10, set()))[0]
    for _ in range(8):
        await asyncio.sleep(0.25)
        assert await first.beat() == {claim.entry: claim.token}
        assert await second.take(10, {}) == []  # type: ignore[arg-type]


async def test_a_worker_that_was_stalled_for_a_lease_does_not_take_its_own_calls_over(redis: Shard) -> None:
    stalled, peer = Ownership(redis, "vad", 0.05), Ownership(redis, "vad", 0.05)
    await stalled.join()
    await announce(redis, a_call("c"))
    (claim,) = await stalled.take(10, set())
    await asyncio.sleep(0.1)
    assert await stalled.take(10, {claim.entry}) == []
    assert await stalled.beat() == {claim.entry: claim.token}, "what it holds in memory stays good"
    await asyncio.sleep(0.1)
    assert [one.token for one in await peer.take(10, set())] == [claim.token + 1], "a peer does"


async def test_a_reply_that_was_lost_leaves_no_call_behind(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    await announce(redis, a_call("c"))
    lost = await owner.take(10, set())
    leases = await owner.beat()
    assert owner.missing(leases, set())
    assert await owner.take(10, set()) == lost


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
        await until(lambda: _no_announcements(redis))


async def _no_announcements(redis: Shard) -> bool:
    return await redis.xlen(CALLS) == 0


async def test_an_announcement_goes_only_when_every_stage_is_done(redis_url: str, redis: Shard) -> None:
    async with producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(3, 20))
        async with working(redis_url, PIPELINE[:2]):
            await until(lambda: redis.hget("call:{c}:stage:embedding", "finished"))
            await asyncio.sleep(0.3)
            assert await redis.xlen(CALLS) == 1
        async with working(redis_url, PIPELINE[2:]):
            await timeline(redis_url, "c")
            await until(lambda: _no_announcements(redis))
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
        await until(lambda: _no_announcements(redis))


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
        await until(lambda: _no_announcements(redis))
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
        await until(lambda: _no_announcements(redis))
        assert await redis.ttl(audio) > 0


async def _are_refused(redis: Shard, count: int) -> bool:
    return bool(await redis.xlen(REFUSED) == count)


@pytest.mark.parametrize("key", ["call:{bad}:meta", "call:{bad}:audio:0", "call:{bad}:stage:vad"])
async def test_keys_that_hold_something_else_spoil_only_their_call(redis_url: str, redis: Shard, key: str) -> None:
    await redis.rpush(key, "something else")
    async with working(redis_url), producing(redis_url) as producer:
        await announce(redis, a_call("bad"))
        await play(producer, a_call("good"), frames_of(6, 10))
        assert await timeline(redis_url, "good")
        await until(lambda: _no_announcements(redis))
    assert await redis.xlen(REFUSED) == 1


class _Opens:
    """A vad that can't open some calls."""

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        if call.call_id == "stubborn":
            raise ValueError("state of an unknown version")
        return ToyVad(call, parts, audio)


async def test_a_call_that_a_worker_can_not_open_is_left_to_others_and_disturbs_no_other(redis_url: str) -> None:
    stages = {**STAGES, "vad": _Opens()}
    async with working(redis_url, stages=stages), producing(redis_url) as producer:
        for call_id in ("stubborn", "easy"):
            await play(producer, a_call(call_id), frames_of(7, 10))
        assert await timeline(redis_url, "easy")
        async with working(redis_url, [VAD]):
            assert await timeline(redis_url, "stubborn")


class _DependsOnSomething(ToyVad):
    down = 0

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        if type(self).down > 0 and self.number("from") > 8000:
            type(self).down -= 1
            raise NotNow("the speaker database is down")
        if type(self).down == 0 and self.number("from") > 8000 and len(entries) > 1:
            type(self).down = -1
            raise RuntimeError("makes the call careful")
        return await super().push(entries, through_ms)


class _Dependent:
    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        return _DependsOnSomething(call, parts, audio)


@pytest.fixture
def dependency_down() -> Iterator[None]:
    _DependsOnSomething.down = 5
    yield
    _DependsOnSomething.down = 0


@pytest.mark.usefixtures("dependency_down")
async def test_a_dependency_that_is_down_for_longer_than_all_tries_makes_no_dead_letter(
    redis_url: str, redis: Shard
) -> None:
    frames = frames_of(8, 40, {30: 1})
    async with working(redis_url, stages={**STAGES, "vad": _Dependent()}), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames, 0.01)
        assert await timeline(redis_url, "c") == await asyncio.to_thread(timeline_of, a_call("c"), numbered(frames))
    assert await redis.xlen("call:{c}:dead") == 1, "the poison alone"


class _Slow(ToyVad):
    """Of the call "slow", a step begins and takes until it is told to go on."""

    stage: "SlowStage"

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        if self.call.call_id == "slow":
            self.stage.began.set()
            await self.stage.go_on.wait()
        return await super().push(entries, through_ms)


class SlowStage:
    """A vad whose steps of the call "slow" take until `go_on` is set."""

    def __init__(self) -> None:
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        made = _Slow(call, parts, audio)
        made.stage = self
        return made


async def test_a_slow_call_delays_only_itself(redis_url: str) -> None:
    slow, frames = SlowStage(), frames_of(9, 30)
    async with working(redis_url, stages={**STAGES, "vad": slow}), producing(redis_url) as producer:
        await play(producer, a_call("slow"), frames)
        await asyncio.wait_for(slow.began.wait(), 20)
        try:
            await play(producer, a_call("quick"), frames)
            assert await timeline(redis_url, "quick")
        finally:
            slow.go_on.set()
        assert await timeline(redis_url, "slow") == await asyncio.to_thread(
            timeline_of, a_call("slow"), numbered(frames)
        )


async def test_load_follows_capacity(redis_url: str) -> None:
    small, big = WorkerOptions(**{**FAST, "capacity": 2}), FAST_OPTIONS
    async with producing(redis_url) as producer:
        for number in range(6):
            (await producer.start(a_call(f"c{number}"))).send(b"sound")
        async with working(redis_url, [VAD], options=small) as first:
            await until(lambda: len(first[0].calls) == 2)
            await asyncio.sleep(0.3)
            assert len(first[0].calls) == 2
            async with working(redis_url, [VAD], options=big) as second:
                await until(lambda: len(second[0].calls) == 4)


def test_every_stage_of_the_pipeline_has_a_toy() -> None:
    assert set(STAGES) == {spec.name for spec in PIPELINE}


async def test_workers_that_died_are_forgotten_once_they_hold_nothing(
    redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakerline.shared.runtime.ownership.FORGOTTEN_AFTER_MS", 50)
    idle, busy, late = (Ownership(redis, "vad", 5.0) for _ in range(3))
    await busy.join()
    await announce(redis, a_call("c"))
    await busy.take(10, set())
    await idle.take(10, set())
    await asyncio.sleep(0.1)
    await late.join()
    names = [consumer["name"].decode() for consumer in await redis.xinfo_consumers(CALLS, "vad")]
    assert names == [busy.me]
