"""What opening a call decides: what is committed counts, and what may have killed its owners is met with care."""

import time

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError as RedisConnectionError

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import CallStarted
from speakerline.shared.keys import CALLS, stage_key
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.connection import Shard
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.opening import OWNERS_BEFORE_CAREFUL, Opener
from speakerline.shared.runtime.owned import OwnedCall
from speakerline.shared.runtime.ownership import Ownership
from speakerline.shared.runtime.trust import Report
from tests.runtime.playing import a_call
from tests.runtime.toy_stages import STAGES


class Worker:
    """The part of a vad's worker that takes and opens calls."""

    def __init__(self, redis: Shard, lease_s: float = 5.0) -> None:
        self.ownership = Ownership(redis, VAD.name, lease_s)
        metrics = Metrics(CollectorRegistry()).for_stage(VAD.name)
        self.opener = Opener(redis, VAD, STAGES[VAD.name], self.ownership, 60, metrics, Log())
        self.calls: dict[bytes, OwnedCall] = {}

    async def take(self) -> list[OwnedCall]:
        await self.ownership.join()
        claims = await self.ownership.take(10, set(self.calls))
        return await self.opener.open(await self.opener.read(claims), self.calls)


async def announce(redis: Shard, call: CallStarted) -> bytes:
    entry: bytes = await redis.execute_command("XADD", CALLS, "*", "event", write_call(call))
    return entry


async def test_a_new_call_is_not_careful(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    (call,) = await Worker(redis).take()
    assert call.trust.usable and not call.trust.careful


async def test_the_owner_after_two_without_a_commit_is_careful(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    careful = []
    for _ in range(OWNERS_BEFORE_CAREFUL + 2):
        (call,) = await Worker(redis, lease_s=0.0).take()
        careful.append(call.trust.careful)
    assert careful == [False, False, True, True]


async def test_a_call_with_counted_tries_is_careful_at_once(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    await redis.hset(stage_key("c", VAD.name), "tries", 1)
    (call,) = await Worker(redis).take()
    assert call.trust.careful and call.tries == 1


async def test_reloading_a_call_makes_no_owner(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    worker = Worker(redis)
    (call,) = await worker.take()
    for _ in range(OWNERS_BEFORE_CAREFUL + 2):
        call.trust.report(Report.OUTAGE, time.monotonic())
        (call,) = await worker.opener.open([(call.claim, call.call)], {call.claim.entry: call})
    assert not call.trust.careful
    assert await redis.hget(stage_key("c", VAD.name), "owners") == b"1"


async def test_what_failed_before_a_reload_is_not_forgotten(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    worker = Worker(redis)
    (call,) = await worker.take()
    call.trust.report(Report.STEP_FAILED, time.monotonic())
    call.heard_at = 12.0
    (again,) = await worker.opener.open([(call.claim, call.call)], {call.claim.entry: call})
    assert again.trust.careful
    assert again.heard_at == 12.0, "the silence of a dead line goes on"


async def test_a_reload_that_breaks_off_leaves_all_calls_in_doubt(
    redis: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that a failed step left half changed must not be driven again."""
    for call_id in ("a", "b"):
        await announce(redis, a_call(call_id))
    worker = Worker(redis)
    calls = {call.claim.entry: call for call in await worker.take()}
    for call in calls.values():
        call.trust.report(Report.STEP_FAILED, time.monotonic())
    await redis.hset(stage_key("b", VAD.name), "finished", 1)

    async def broken(self: Ownership, entry: bytes, delete: bool = False) -> None:
        raise RedisConnectionError("the line broke")

    monkeypatch.setattr(Ownership, "acknowledge", broken)
    with pytest.raises(RedisConnectionError):
        await worker.opener.open([(call.claim, call.call) for call in calls.values()], calls)
    assert not any(call.trust.usable for call in calls.values())


async def test_a_call_that_is_finished_for_this_stage_waits_for_the_others(redis: Shard) -> None:
    """Its announcement goes when the last stage is done, never before."""
    await announce(redis, a_call("c"))
    await Worker(redis, lease_s=0.0).take()
    await redis.hset(stage_key("c", VAD.name), "finished", 1)
    await redis.hset("call:{c}:meta", "finished", 5)
    late = Worker(redis, lease_s=0.0)
    assert await late.take() == []
    assert await redis.xlen(CALLS) == 1
    assert await late.ownership.beat() == {}, "acknowledged"


async def test_the_last_stage_takes_the_announcement_away(redis: Shard) -> None:
    await announce(redis, a_call("c"))
    await Worker(redis, lease_s=0.0).take()
    await redis.hset(stage_key("c", VAD.name), "finished", 1)
    await redis.hset("call:{c}:meta", "finished", 6)
    assert await Worker(redis, lease_s=0.0).take() == []
    assert await redis.xlen(CALLS) == 0


async def test_what_was_settled_at_the_first_take_stays_for_all_stages(redis: Shard) -> None:
    """Stages may run different releases or settings: how long a call stays, and who must finish, is agreed once."""
    await announce(redis, a_call("c"))
    await redis.hset("call:{c}:meta", mapping={"ttl_s": 7, "stages": "vad,asr"})
    await Worker(redis).take()
    assert await redis.hmget("call:{c}:meta", "ttl_s", "stages") == [b"7", b"vad,asr"]
