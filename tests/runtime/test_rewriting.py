"""A stream of all calls is written anew while everybody uses it: nothing but the entries of erased calls is lost."""

from typing import Any

import pytest

from speakerline.shared.client import forget
from speakerline.shared.keys import CALLS, FIREHOSE
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.connection import Shard, pairs
from speakerline.shared.runtime.ownership import Ownership

COPY = f"{FIREHOSE}:copy"


async def write(redis: Shard, first: int, last: int) -> None:
    """Entries of four calls in turn."""
    for number in range(first, last + 1):
        fields = ("call_id", f"c{number % 4}", "event", f"text-{number}-of-c{number % 4}")
        await redis.execute_command("XADD", FIREHOSE, f"{number}-0", *fields)


async def ids(redis: Shard) -> list[int]:
    entries = await redis.execute_command("XRANGE", FIREHOSE, "-", "+")
    assert all(pairs(flat)[b"event"].startswith(b"text-%d-" % int(raw_id[:-2])) for raw_id, flat in entries)
    return [int(raw_id[:-2]) for raw_id, _ in entries]


async def piece(redis: Shard, run: str, after: bytes | str, *call_ids: str, entries: int = 10) -> bytes:
    status, _ = await scripts.run(redis, "rewrite", [FIREHOSE, COPY], run, after, entries, *call_ids)
    return bytes(status)


async def test_only_the_calls_that_are_named_are_left_out(redis: Shard) -> None:
    await write(redis, 1, 40)
    assert await forget._rewritten(redis, FIREHOSE, 7, "c1", "c2", "unknown") == [10, 10, 0]
    assert await ids(redis) == [number for number in range(1, 41) if number % 4 in (0, 3)]
    assert not await redis.exists(COPY)
    assert await redis.ttl(FIREHOSE) == -1
    assert b"of-c1" not in (await redis.dump(FIREHOSE) or b"")


async def test_what_is_written_and_trimmed_between_two_pieces_counts(redis: Shard) -> None:
    await write(redis, 1, 25)
    after = await piece(redis, "run", "", "c1")
    assert after == b"10-0"
    await write(redis, 26, 30)
    await redis.xtrim(FIREHOSE, minid="6-0", approximate=False)
    while after != b"DONE":
        after = await piece(redis, "run", after, "c1")
    assert await ids(redis) == [number for number in range(6, 31) if number % 4 != 1]


@pytest.mark.parametrize("group", [False, True], ids=["without a group", "with a group"])
async def test_ids_go_on_after_the_last_that_was_given(redis: Shard, group: bool) -> None:
    """Even where nothing is left: a reader resumes after it, and a lower id would escape it."""
    await redis.execute_command("XADD", FIREHOSE, f"{2**45}-7", "call_id", "c1")
    if group:
        await redis.xgroup_create(FIREHOSE, "board")
    assert await piece(redis, "run", "", "c1") == b"DONE"
    assert await redis.xlen(FIREHOSE) == 0
    assert await redis.execute_command("XADD", FIREHOSE, "*", "call_id", "c2") == b"%d-8" % 2**45


async def test_one_run_at_a_time_and_a_run_that_stopped_does_no_harm(redis: Shard) -> None:
    await write(redis, 1, 25)
    after = await piece(redis, "stopped", "", "c1")
    assert await piece(redis, "other", "", "c2") == b"BUSY"
    assert 0 < await redis.ttl(COPY) <= 30
    await redis.delete(COPY)
    assert await piece(redis, "stopped", after, "c1") == b"LOST"
    assert await piece(redis, "other", "", "c2") == b"10-0"
    assert await piece(redis, "stopped", after, "c1") == b"LOST"
    assert await piece(redis, "other", b"10-0", "c2", entries=100) == b"DONE"
    assert await ids(redis) == [number for number in range(1, 26) if number % 4 != 2]


async def test_a_stream_that_is_not_there_stays_so(redis: Shard) -> None:
    assert await piece(redis, "run", "") == b"DONE"
    assert not await redis.keys("*")


async def test_groups_keep_their_place_their_leases_and_their_tokens(redis: Shard) -> None:
    """Two stages, a worker that holds leases, one that took some over, and what nobody has read."""
    for number in range(1, 2001):
        await redis.execute_command("XADD", CALLS, f"{number}-0", "event", f"call {number}")
    first, second = Ownership(redis, "vad", 0.0), Ownership(redis, "vad", 0.0)
    await first.join()
    await first.take(1500, set())
    await second.take(300, set())
    await redis.xack(CALLS, "vad", "1400-0")
    await redis.xgroup_create(CALLS, "asr", "5-0")
    await redis.xdel(CALLS, "3-0", "1999-0")

    async def state() -> list[Any]:
        groups = [{name: group[name] for name in ("name", "last-delivered-id")} for group in await groups_of(redis)]
        leases = await redis.xpending_range(CALLS, "vad", "-", "+", 5000)
        entries = await redis.execute_command("XRANGE", CALLS, "-", "+")
        return [
            groups,
            [(one["message_id"], one["consumer"], one["times_delivered"]) for one in leases],
            entries,
        ]

    before = await state()
    await forget._rewritten(redis, CALLS, forget.WHOLE)
    after = await state()
    before[1] = [lease for lease in before[1] if lease[0] != b"3-0"]
    assert after == before
    assert {lease[2] for lease in after[1]} == {1, 2}, "tokens of both kinds"
    assert b"call 1999" not in (await redis.dump(CALLS) or b"")


async def groups_of(redis: Shard) -> list[Any]:
    return list(await redis.xinfo_groups(CALLS))


async def test_the_time_since_a_lease_was_refreshed_goes_on(redis: Shard) -> None:
    await redis.execute_command("XADD", CALLS, "1-0", "event", "a call")
    owner = Ownership(redis, "vad", 0.0)
    await owner.join()
    await owner.take(1, set())
    await redis.xclaim(CALLS, "vad", owner.me, 0, ["1-0"], idle=50_000, justid=True)
    await forget._rewritten(redis, CALLS, forget.WHOLE)
    (lease,) = await redis.xpending_range(CALLS, "vad", "-", "+", 10)
    assert 50_000 <= int(lease["time_since_delivered"]) < 80_000
