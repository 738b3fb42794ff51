"""Who owns a call: one owner at a time, and nothing written by any other."""

import asyncio
from typing import Any

import pytest

from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, loads_key, stage_key
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.ownership import Claim, Ownership
from tests.runtime.announcing import announce
from tests.runtime.playing import a_call


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


async def test_who_took_a_call_in_the_second_that_redis_lost_writes_nothing_beside_who_took_it_then(
    redis: Shard,
) -> None:
    first, second, call = Ownership(redis, "vad", 5.0), Ownership(redis, "vad", 5.0), a_call("c")
    await first.join()
    await announce(redis, call)
    _, lost = await taken(redis, first, call)
    await redis.xgroup_delconsumer(CALLS, "vad", first.me)
    await redis.xgroup_setid(CALLS, "vad", "0")
    await redis.delete(stage_key("c", "vad"))
    _, found = await taken(redis, second, call)
    assert (lost.entry, lost.token) == (found.entry, found.token)
    assert await commit(redis, lost, 0) == b"FENCED"
    assert await commit(redis, found, 0) == b"DONE"


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
    first, second = Ownership(redis, "vad", 300.0), Ownership(redis, "vad", 300.0)
    await first.join()
    await announce(redis, a_call("c"))
    (claim,) = await first.take(10, set())
    for _ in range(3):
        await grow_old(redis, first, {claim.entry})
        assert await first.beat([claim.entry]) == {claim.entry: claim.token}
        assert await second.take(10, set()) == []
    await grow_old(redis, first, {claim.entry})
    assert [one.token for one in await second.take(10, set())] == [claim.token + 1], "without one it is taken over"


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


@pytest.mark.parametrize("first", ["waiting", "park"])
async def test_a_call_that_is_parked_while_others_are_counted_rests(
    redis: Shard, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Whichever of the two begins: the count does not know of it yet."""
    owner, run = Ownership(redis, "vad", 0.05), scripts.run
    await owner.join()
    await announce(redis, a_call("c"))
    (claim,) = await owner.take(10, set())

    async def crossing(shard: Shard, name: str, *words: Any) -> Any:
        if name == first == "park":
            await owner.waiting()
        reply = await run(shard, name, *words)
        if name == first == "waiting":
            await owner.park(claim.entry)
        return reply

    monkeypatch.setattr(scripts, "run", crossing)
    await (owner.waiting() if first == "waiting" else owner.park(claim.entry))
    assert await owner.take(10, set()) == []
    assert not await owner.park(claim.entry), "it is not told twice"


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


async def test_silent_calls_are_those_of_a_worker_as_long_as_it_tells_of_itself(redis: Shard) -> None:
    """Nobody refreshes their leases, and they hide those of a dead worker from none."""
    dead, owner, peer = (Ownership(redis, "vad", 60.0) for _ in range(3))
    await owner.join()
    for number in range(200):
        await announce(redis, a_call(f"silent-{number}"))
    silent = {claim.entry for claim in await owner.take(200, set())}
    await announce(redis, a_call("c"))
    (left,) = await dead.take(1, set())
    await grow_old(redis, owner, silent)
    await grow_old(redis, dead, {left.entry})
    keys = [loads_key(owner.stage), CALLS]
    await scripts.run(redis, "weigh", keys, owner.stage, owner.me, "{}", 60_000, 60)
    assert {claim.entry for claim in await peer.take(300, set())} == {left.entry}
    assert set(await owner.beat()) == silent
    await redis.hdel(loads_key(owner.stage), owner.me)
    assert {claim.entry for claim in await peer.take(300, {left.entry})} == silent


async def test_a_lease_of_a_call_that_is_not_silent_is_refreshed(redis: Shard) -> None:
    owner = Ownership(redis, "vad", 300.0)
    await owner.join()
    for number in range(2):
        await announce(redis, a_call(f"c{number}"))
    silent, heard = await owner.take(2, set())
    await asyncio.sleep(0.1)
    assert await owner.beat([heard.entry]) == {silent.entry: 1, heard.entry: 1}, "told of both"
    idle_ms = await _idle_ms(redis, owner)
    assert idle_ms[silent.entry] - idle_ms[heard.entry] > 50, "only the other was refreshed"


async def grow_old(redis: Shard, owner: Ownership, entries: set[bytes]) -> None:
    """Their leases were refreshed ten minutes ago."""
    await redis.xclaim(CALLS, owner.stage, owner.me, 0, list(entries), idle=600_000, justid=True)


async def _idle_ms(redis: Shard, owner: Ownership) -> dict[bytes, int]:
    """Since each lease was refreshed; all as of one moment."""
    pending: list[dict[str, Any]] = await redis.xpending_range(CALLS, owner.stage, "-", "+", 1000)
    return {one["message_id"]: one["time_since_delivered"] for one in pending}
