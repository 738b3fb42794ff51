"""Entries that others insert into a log of a stage: at the position that it has reached, and there in every run."""

import random
from typing import Any

import pytest

from speakerline.shared.contract.v1 import Correction, Speech
from speakerline.shared.keys import LAST_POSITION, meta_key, stage_key, stream_key
from speakerline.shared.pipeline import CLUSTERING, OPERATOR, SPEECH, TURNS, VOICES, Input, StageSpec
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.commit import build, lows
from speakerline.shared.runtime.connection import Shard, connect
from speakerline.shared.runtime.log import LAST_NUMBER, Logged
from speakerline.shared.runtime.merge import Merge
from speakerline.shared.runtime.stage import Event, Step
from tests.runtime.playing import a_call

INSERTED = Input(OPERATOR, awaited=False, inserted=True)
JOIN = StageSpec("join", (Input(SPEECH), Input(VOICES, 100), INSERTED), (TURNS,))
LOG, META, STAGE = stream_key("c", OPERATOR), meta_key("c"), stage_key("c", CLUSTERING.name)


def said(position: int, number: int = 0) -> Logged:
    return Logged(position, number, Event(SPEECH, position, Speech()))


def inserted(position: int, number: int = 0) -> Logged:
    return Logged(position, number, Event(OPERATOR, position, Correction(f"k{position}-{number}")))


def through(position: int) -> Logged:
    return Logged(position, LAST_NUMBER, None)


CLOSING = Logged(LAST_POSITION, 0, None)


def places(taken: list[tuple[int, Logged]]) -> list[tuple[int, int]]:
    return [(number, one.position) for number, one in taken if one.entry]


def test_an_inserted_entry_comes_after_all_others_of_its_position() -> None:
    merge = Merge(JOIN.inputs, [(0, 0)] * 3)
    merge.offer(2, [inserted(300)])
    merge.offer(0, [said(299), said(300), said(301)])
    assert merge.take(100)[0] == [], "voices may still bring an earlier one"
    merge.offer(1, [said(200), said(201)])
    assert places(merge.take(100)[0]) == [(0, 299), (0, 300), (1, 200), (2, 300), (0, 301)]


def test_nothing_waits_for_more_of_them_not_even_the_end() -> None:
    merge = Merge(JOIN.inputs, [(0, 0)] * 3)
    merge.offer(0, [said(100), CLOSING])
    merge.offer(1, [CLOSING])
    assert merge.take(100) == ([(0, said(100)), (0, CLOSING), (1, CLOSING)], LAST_POSITION)


def test_time_does_not_pass_one_that_waits() -> None:
    merge = Merge(JOIN.inputs, [(0, 0)] * 3)
    merge.offer(2, [inserted(300)])
    merge.offer(0, [through(1000)])
    merge.offer(1, [through(150)])
    assert merge.take(100)[1] == 250
    merge.offer(1, [through(150)])
    assert not merge.overtaken


@pytest.mark.parametrize(("position", "overtaken"), [(250, True), (251, False)])
def test_one_at_a_position_that_was_passed_has_been_overtaken(position: int, overtaken: bool) -> None:
    work = CallWork(JOIN, a_call("c"), {})
    work.offer(0, [said(100), through(1000)])
    work.offer(1, [through(150)])
    unit = work.next_unit()
    assert unit is not None and unit.through_ms == 250
    work.offer(2, [inserted(position)])
    assert work.overtaken == overtaken


def test_one_that_lies_where_the_committed_state_has_passed_is_left_out() -> None:
    """No script wrote it there; to do the work again would change nothing."""
    work = CallWork(JOIN, a_call("c"), {"passed": b"250", "cursor:speech": b"1000-0", "cursor:voices": b"150-0"})
    work.offer(2, [inserted(250), inserted(251)])
    assert not work.overtaken
    work.offer(0, [through(2000)])
    work.offer(1, [through(1000)])
    unit = work.next_unit()
    assert unit is not None and places(unit.taken) == [(2, 251)]
    work.stepped(unit, Step(), 1.0)
    assert work.cursors[2] == (251, 0)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_is_the_same_however_they_arrive(seed: int) -> None:
    rng = random.Random(seed)
    logs = [
        [said(at) for at in range(50, 1000, 50)] + [CLOSING],
        [said(at) for at in range(30, 900, 70)] + [CLOSING],
        [inserted(200), inserted(200, 1), inserted(501), inserted(730)],
    ]
    whole = Merge(JOIN.inputs, [(0, 0)] * 3)
    for number, log in enumerate(logs):
        whole.offer(number, log)
    expected, _ = whole.take(1000)
    merge, taken = Merge(JOIN.inputs, [(0, 0)] * 3), list[tuple[int, Logged]]()
    merge.offer(2, logs[2])  # an entry lies there before its position is passed: `insert.lua` sees to it
    rest = {0: list(logs[0]), 1: list(logs[1])}
    while any(rest.values()):
        number = rng.choice([number for number, log in rest.items() if log])
        count = rng.randint(1, 4)
        merge.offer(number, rest[number][:count])
        del rest[number][:count]
        taken += merge.take(rng.randint(1, 5))[0]
    while more := merge.take(3)[0]:
        taken += more
    assert taken == expected


def test_they_are_kept_until_the_call_expires() -> None:
    work = CallWork(JOIN, a_call("c"), {"cursor:operator": b"90000-1", "cursor:speech": b"90000-0"})
    assert lows(work) == {"speech": 90_000, "voices": 0}


@pytest.fixture
async def redis(redis_url: str) -> Any:
    client = connect(redis_url)
    await client.hset(META, mapping={"call": "{}", "stages": "clustering", "ttl_s": 50})
    await client.hset(STAGE, mapping={"token": "t", "passed": 4999})
    yield client
    await client.aclose()


async def insert(redis: Shard, name: str, event: str = "{}", most: int = 1000, at_once: int = 64) -> Any:
    return await scripts.run(redis, "insert", [META, LOG, STAGE], name, event, most, at_once)


async def test_an_entry_is_inserted_behind_what_the_stage_has_passed(redis: Shard) -> None:
    assert await insert(redis, "a") == [b"INSERTED", b"5000-0", b"{}"]
    assert await insert(redis, "b") == [b"INSERTED", b"5000-1", b"{}"]
    await redis.hset(STAGE, "passed", 7000)
    assert await insert(redis, "c") == [b"INSERTED", b"7001-0", b"{}"]


async def test_the_same_id_again_is_the_entry_that_is_there(redis: Shard) -> None:
    await insert(redis, "a", "first")
    await redis.hset(STAGE, mapping={"passed": 7000, "finished": 1})
    assert await insert(redis, "a", "second") == [b"THERE", b"5000-0", b"first"]
    assert await redis.xlen(LOG) == 1


async def test_before_the_stage_has_begun_an_entry_is_the_first(redis: Shard) -> None:
    await redis.delete(STAGE)
    assert await insert(redis, "a") == [b"INSERTED", b"0-1", b"{}"]


async def test_nothing_is_inserted_into_a_call_that_is_gone_done_or_full(redis: Shard) -> None:
    await insert(redis, "a")
    assert await insert(redis, "b", most=1) == b"FULL"
    assert await insert(redis, "b", at_once=1) == b"BUSY"
    await redis.hset(STAGE, "finished", 1)
    assert await insert(redis, "b") == b"ENDED"
    await redis.delete(META)
    assert await insert(redis, "b") == b"GONE"
    assert await redis.xlen(LOG) == 1


def a_step(through_ms: int) -> CallWork:
    """A step of clustering that passes a position, to be committed."""
    work = CallWork(CLUSTERING, a_call("c"), {})
    work.offer(0, [through(through_ms)])
    work.offer(1, [through(through_ms)])
    work.offer(2, [through(through_ms)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(through_ms=unit.through_ms), 1.0)
    return work


async def committed(redis: Shard, work: CallWork) -> bytes:
    request = build(work, "t", {}, {})
    return bytes(await scripts.run(redis, "commit", request.keys, *request.arguments))


async def test_a_commit_that_does_not_know_what_was_inserted_is_refused(redis: Shard) -> None:
    work = a_step(5400)
    await insert(redis, "a")
    assert await committed(redis, work) == b"STALE"
    assert await redis.hget(STAGE, "passed") == b"4999", "nothing of it was written"
    work.offer(3, [inserted(5000)])
    assert work.overtaken, "it is done again, with the entry in its place"


async def test_a_commit_that_has_come_to_know_of_it_behind_its_place_is_refused(redis: Shard) -> None:
    """The entry is read while the step is under way: between the choice of its entries and its commit."""
    work = a_step(5400)
    await insert(redis, "a")
    work.offer(3, [inserted(5000)])
    assert await committed(redis, work) == b"STALE"
    assert await redis.hget(STAGE, "passed") == b"4999", "nothing of it was written"


async def test_a_commit_that_knows_it_is_accepted_also_while_it_waits(redis: Shard) -> None:
    await insert(redis, "a")
    work = CallWork(CLUSTERING, a_call("c"), {})
    work.offer(3, [inserted(5000)])
    work.offer(0, [said(4000), through(6000)])
    work.offer(1, [through(6000)])
    work.offer(2, [through(6000)])
    unit = work.next_unit()
    assert unit is not None and (3, 5000) in places(unit.taken)
    work.stepped(unit, Step(through_ms=unit.through_ms), 1.0)
    assert await committed(redis, work) == b"DONE"
    assert await redis.hget(STAGE, "cursor:operator") == b"5000-0"
