"""The guards of the Lua scripts: what a worker that lost a call, or a retry, may not do to its keys."""

from typing import Any

import pytest

from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS, REFUSED, audio_key, meta_key, stage_key
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.ownership import FREE_MS, Ownership
from tests.runtime.playing import a_call

STAGE, META, AUDIO = stage_key("c", "vad"), meta_key("c"), audio_key("c", 0)


@pytest.fixture
async def redis(redis_url: str) -> Any:
    client = connect(redis_url)
    await client.hset(STAGE, "token", 3)
    await client.hset(META, mapping={"stages": "vad,asr", "ttl_s": 50})
    yield client
    await client.aclose()


async def close_idle(redis: Shard, token: int, read: str) -> int:
    return int(await scripts.run(redis, "close_idle", [AUDIO, STAGE], token, read))


async def commit(redis: Shard, finished: str = "", keys: tuple[str, ...] = (), trims: tuple[Any, ...] = (0,)) -> str:
    outcome = await scripts.run(redis, "commit", [STAGE, META, *keys], 3, 0, finished, 0, 0, 0, 0, 0, 0, 0, *trims)
    return bytes(outcome).decode()


async def test_the_owner_closes_a_log_on_which_nothing_came(redis: Shard) -> None:
    await redis.execute_command("XADD", AUDIO, "800-0", "pcm", "x")
    assert await close_idle(redis, 3, "800-0") == 1
    newest = await redis.execute_command("XREVRANGE", AUDIO, "+", "-", "COUNT", 1)
    assert newest == [[b"9007199254740991-0", [b"end", b"idle"]]]
    assert await close_idle(redis, 3, "9007199254740991-0") == 0, "it is closed once"


async def test_a_fenced_worker_may_not_close_an_idle_log(redis: Shard) -> None:
    """Its own silence may be the reason that it has read nothing: only the owner knows that the line is dead."""
    await redis.execute_command("XADD", AUDIO, "800-0", "pcm", "x")
    assert await close_idle(redis, 2, "800-0") == 0
    assert await redis.xlen(AUDIO) == 1


async def test_a_frame_that_came_in_the_meantime_keeps_the_log_open(redis: Shard) -> None:
    for end in (800, 1600):
        await redis.execute_command("XADD", AUDIO, f"{end}-0", "pcm", "x")
    assert await close_idle(redis, 3, "800-0") == 0
    assert await redis.xlen(AUDIO) == 2


async def append(redis: Shard, producer: str, *ends: int) -> list[Any]:
    frames = [word for end in ends for word in (end, 2, "pcm", "x")]
    words = [producer, 1, "low:audio:0", 10_000, len(frames), *frames]
    (reply,) = await scripts.run(redis, "append", [AUDIO, STAGE], *words)
    return list(reply)


@pytest.mark.parametrize(
    ("closing", "answer"),
    [
        pytest.param(("end", "hangup", "by", "p1"), [b"OK", 2, 1], id="by the producer itself, which sends again"),
        pytest.param(("end", "hangup", "by", "p2"), [b"CLOSED", 0, b"hangup"], id="by another producer"),
        pytest.param(("end", "idle"), [b"CLOSED", 0, b"idle"], id="by nobody who gives a name"),
        pytest.param(("end", "by", "p1", "", "by", "p2"), [b"CLOSED", 0, b"by"], id="only a field is named `by`"),
    ],
)
async def test_who_closed_a_log_decides_whether_its_producer_may_send_again(
    redis: Shard, closing: tuple[str, ...], answer: list[Any]
) -> None:
    await redis.execute_command("XADD", AUDIO, "800-0", "pcm", "x")
    await redis.execute_command("XADD", AUDIO, "9007199254740991-0", *closing)
    assert await append(redis, "p1", 800, 1600) == answer
    assert await redis.xlen(AUDIO) == 2


async def test_frames_that_are_there_already_are_accepted_while_the_log_is_open(redis: Shard) -> None:
    await redis.execute_command("XADD", AUDIO, "800-0", "pcm", "x", "by", "p2")
    assert await append(redis, "p1", 800, 1600) == [b"OK", 2, 0]
    assert await redis.xlen(AUDIO) == 2


async def test_frames_that_come_again_after_all_was_trimmed_are_accepted(redis: Shard) -> None:
    await redis.execute_command("XADD", AUDIO, "1600-0", "pcm", "x")
    await redis.execute_command("XTRIM", AUDIO, "MAXLEN", 0)
    assert await append(redis, "p1", 800, 1600, 2400) == [b"OK", 3, 0]
    assert [entry[0] for entry in await redis.execute_command("XRANGE", AUDIO, "-", "+")] == [b"2400-0"]


async def test_a_fenced_worker_counts_no_try(redis: Shard) -> None:
    assert await scripts.run(redis, "try", [STAGE], 2, 1) == -1
    assert not await redis.hexists(STAGE, "tries")
    assert [await scripts.run(redis, "try", [STAGE], 3, by) for by in (1, 1, 0)] == [1, 2, 2]


async def test_a_commit_clears_the_name_of_the_entry_that_was_tried_and_of_its_owners(redis: Shard) -> None:
    await redis.hset(STAGE, mapping={"tries": 2, "owners": 3})
    assert await commit(redis) == "DONE"
    assert await redis.hgetall(STAGE) == {b"token": b"3", b"version": b"1"}


async def test_a_log_is_trimmed_below_the_slowest_of_its_readers(redis: Shard) -> None:
    for end in range(1, 1001):
        await redis.execute_command("XADD", AUDIO, f"{end}-0", "pcm", "x")
    other = stage_key("c", "asr")
    await redis.hset(STAGE, "low:audio:0", 900)
    await redis.hset(other, "low:audio:0", 500)
    await commit(redis, keys=(AUDIO, other), trims=(1, 3, "low:audio:0", 2, 1, 4))
    ((first, _),) = await redis.execute_command("XRANGE", AUDIO, "-", "+", "COUNT", 1)
    assert 300 < int(first.partition(b"-")[0]) <= 500


async def test_nothing_is_trimmed_while_a_reader_has_not_said_what_it_needs(redis: Shard) -> None:
    for end in range(1, 1001):
        await redis.execute_command("XADD", AUDIO, f"{end}-0", "pcm", "x")
    await redis.hset(STAGE, "low:audio:0", 900)
    await commit(redis, keys=(AUDIO, stage_key("c", "asr")), trims=(1, 3, "low:audio:0", 2, 1, 4))
    assert await redis.xlen(AUDIO) == 1000


async def test_the_keys_of_a_call_expire_with_the_last_stage_and_the_firehose_never(redis: Shard) -> None:
    await redis.execute_command("XADD", "timeline", "*", "event", "{}")
    await redis.execute_command("XADD", AUDIO, "1-0", "pcm", "x")
    assert await commit(redis, "1", (AUDIO, "timeline")) == "DONE"
    assert [await redis.ttl(key) for key in (STAGE, META, AUDIO, "timeline")] == [-1, -1, -1, -1]
    await redis.hset(STAGE, "version", 0)
    assert await commit(redis, "1", (AUDIO, "timeline")) == "ALL_DONE"
    assert [await redis.ttl(key) for key in (STAGE, META, AUDIO, "timeline")] == [50, 50, 50, -1]


async def test_an_output_that_is_already_there_is_a_repeat_and_every_other_refusal_an_error(redis: Shard) -> None:
    speech = "call:{c}:speech"
    await redis.execute_command("XADD", speech, "100-0", "event", "{}")

    async def add(key: str, version: int) -> bytes:
        output = (1, 3, "100-0", "", 2, "event", "{}")
        outcome: bytes = await scripts.run(
            redis, "commit", [STAGE, META, key], 3, version, "", 0, *output, 0, 0, 0, 0, 0, 0
        )
        return outcome

    assert await add(speech, 0) == b"REPEATED"
    await redis.set("call:{c}:turns", "no stream")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await add("call:{c}:turns", 1)
    assert await redis.hget(STAGE, "version") == b"1"


async def test_a_commit_may_change_more_fields_than_lua_hands_over_at_once(redis: Shard) -> None:
    fields = {f"part:block:{number}": f"{number}" for number in range(9000)}
    words = [word for pair in fields.items() for word in pair]
    await redis.hset(STAGE, "token", "3")
    arguments = (3, 0, "", 0, 0, 0, 0, 0, len(fields), *words, 0, 0)
    assert await scripts.run(redis, "commit", [STAGE, META], *arguments) == b"DONE"
    assert await redis.hmget(STAGE, "version", *fields) == [b"1", *(value.encode() for value in fields.values())]


async def test_a_refusal_is_told_of_for_a_day(redis: Shard) -> None:
    await redis.execute_command("XADD", REFUSED, "1000-0", "reason", "of another day")
    entry = await redis.execute_command("XADD", CALLS, "*", "event", "no call")
    await Ownership(redis, "vad", 5.0).join()
    await scripts.run(redis, "refuse", [CALLS, REFUSED], "vad", entry, 7, "it is none", 86_400, 50)
    ((_, told),) = await redis.execute_command("XRANGE", REFUSED, "-", "+")
    assert told == [b"entry", entry, b"bytes", b"7", b"reason", b"it is none"]


async def test_a_refusal_that_is_repeated_is_kept_once(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    await redis.execute_command("XADD", CALLS, "*", "event", "no call")
    (claim,) = await owner.take(1, set())
    for _ in range(2):
        await owner.refuse(claim, "it is none", 50)
    assert await redis.xlen(REFUSED) == 1
    assert await owner.beat() == {}


async def test_a_release_frees_the_calls_at_once_and_wakes_the_peers(redis: Shard) -> None:
    """A token counts owners: neither the heartbeat nor the release may raise it."""
    leaving, peer = Ownership(redis, "vad", 60.0), Ownership(redis, "vad", 60.0)
    await leaving.join()
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
    (claim,) = await leaving.take(1, set())
    await leaving.beat()
    assert await peer.take(1, set()) == []
    assert await leaving.release_all() == 1
    assert await redis.xlen(leaving.wake_key) == 1
    (taken,) = await peer.take(1, set())
    assert (claim.token, taken.token) == (1, 2)
    names = [consumer["name"].decode() for consumer in await redis.xinfo_consumers(CALLS, "vad")]
    assert leaving.me not in names, "who left is no consumer any more"


async def test_a_release_of_nothing_wakes_nobody(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    assert await owner.release_all() == 0
    assert not await redis.exists(owner.wake_key)


async def test_the_token_that_a_taker_over_is_told_is_the_one_that_redis_counts(redis: Shard) -> None:
    first, second = Ownership(redis, "vad", 0.0), Ownership(redis, "vad", 0.0)
    await first.join()
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
    await first.take(1, set())
    (claim,) = await second.take(1, set())
    assert await second.beat() == {claim.entry: claim.token}
    assert await first.beat() == {}, "a heartbeat keeps only what is its own"


async def test_a_worker_takes_no_more_than_it_has_room_for(redis: Shard) -> None:
    """Whatever the calls come from: a reply that was lost, an owner that left, or the producers."""
    gone, owner = Ownership(redis, "vad", 60.0), Ownership(redis, "vad", 60.0)
    await gone.join()
    for number in range(6):
        await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call(f"c{number}")))
    assert len(await gone.take(3, set())) == 3
    await gone.release_all()
    assert len(await owner.take(2, set())) == len(await owner.beat()) == 2
    assert owner.missing(await owner.beat(), set()), "as if the reply had been lost"
    assert len(await owner.take(4, set())) == len(await owner.beat()) == 4
    assert [claim.entry for claim in await owner.take(2, set())] == sorted(await owner.beat())[4:]


async def test_after_an_outage_a_worker_waits_a_lease_before_it_takes_from_others(redis: Shard) -> None:
    """Nobody could beat in the meantime: everybody looks dead."""
    alive, other = Ownership(redis, "vad", 0.0), Ownership(redis, "vad", 60.0)
    await alive.join()
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
    await alive.take(1, set())
    await scripts.run(redis, "release", [CALLS, alive.wake_key], "vad", alive.me, FREE_MS)
    other.outage()
    assert await other.take(1, set()) == []
    await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("new")))
    assert len(await other.take(1, set())) == 1, "what nobody owns is taken at once"


async def test_a_lease_of_an_erased_call_is_given_back(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    entry = await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
    await owner.take(1, set())
    await redis.xdel(CALLS, entry)
    assert owner.missing(await owner.beat(), set())
    assert await owner.take(1, set()) == []
    assert await owner.beat() == {}


async def test_who_has_joined_sees_how_many_calls_wait(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    assert (await owner.waiting()).count == 0, "no stream"
    await Ownership(redis, "asr", 5.0).join()
    assert (await owner.waiting()).count == 0, "no group"
    await owner.join()
    for number in range(3):
        await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call(f"c{number}")))
    assert (await owner.waiting()).count == 3
    entries = await redis.execute_command("XRANGE", CALLS, "-", "+")
    await owner.take(1, set())
    await redis.xdel(CALLS, entries[1][0])
    waiting = await owner.waiting()
    assert (waiting.count, waiting.oldest) == (1, entries[2][0])


async def test_what_another_stage_refused_does_not_wait(redis: Shard) -> None:
    """The lag that Redis tells counts it as unread for ever."""
    vad, late = Ownership(redis, "vad", 5.0), Ownership(redis, "asr", 5.0)
    await vad.join()
    await late.join()
    done = await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("done")))
    for owner in (vad, late):
        await owner.take(1, set())
        await owner.acknowledge(done, delete=owner is late)
    for _ in range(5):
        await redis.execute_command("XADD", CALLS, "*", "event", "no call")
    for claim in await vad.take(5, set()):
        await vad.refuse(claim, "it is none", 50)
    assert (await late.waiting()).count == 0


@pytest.mark.parametrize(("announced", "counted"), [(49, 49), (50, 50), (51, 51), (130, 130), (1001, 1000)])
async def test_what_waits_is_counted_up_to_a_limit(redis: Shard, announced: int, counted: int) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    for _ in range(announced):
        await redis.execute_command("XADD", CALLS, "*", "event", "any")
    entries = await redis.execute_command("XRANGE", CALLS, "-", "+", "COUNT", 1)
    waiting = await owner.waiting()
    assert (waiting.count, waiting.oldest) == (counted, entries[0][0])


async def test_a_call_that_was_set_free_waits(redis: Shard) -> None:
    leaving, peer = Ownership(redis, "vad", 60.0), Ownership(redis, "vad", 60.0)
    await leaving.join()
    entry = await redis.execute_command("XADD", CALLS, "*", "event", write_call(a_call("c")))
    await leaving.take(1, set())
    assert (await peer.waiting()).count == 0
    await leaving.release_all()
    waiting = await peer.waiting()
    assert (waiting.count, waiting.oldest) == (1, entry)


async def test_the_age_of_what_waits_is_told_by_the_clock_of_redis(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 5.0)
    await owner.join()
    seconds, _ = await redis.time()
    await redis.execute_command("XADD", CALLS, f"{seconds - 100}000-0", "event", write_call(a_call("c")))
    assert 99 <= (await owner.waiting()).age_s < 160
