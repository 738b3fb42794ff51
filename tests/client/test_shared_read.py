"""Many followers share one read: each gets every event, also one that is slow or joins late."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from speakerline.shared.client import shared_read
from speakerline.shared.client.shared_read import Follower, SharedRead
from speakerline.shared.client.subscriber import RawEvent, Subscriber
from speakerline.shared.keys import LAST_POSITION, stream_key
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.runtime.connection import connect, entry_id
from tests.runtime.playing import until

PATIENCE_S = 60.0
EVENTS = 20


async def publish(redis: Redis, calls: Sequence[str], seqs: Sequence[int], epoch: str = "e") -> None:
    """Events of these numbers on the timelines of the calls."""
    adding = redis.pipeline(transaction=False)
    for seq in seqs:
        for call in calls:
            event = json.dumps({"call_id": call, "seq": seq, "at_ms": 100 * seq})
            adding.execute_command("XADD", stream_key(call, TIMELINE), f"{seq}-0", "event", event, "epoch", epoch)
    await adding.execute()


async def finish(redis: Redis, calls: Sequence[str]) -> None:
    for call in calls:
        await redis.execute_command("XADD", stream_key(call, TIMELINE), f"{LAST_POSITION}-0", "through", "")


@asynccontextmanager
async def redis_and_reader(url: str) -> AsyncIterator[tuple[Redis, SharedRead]]:
    redis, read = connect(url), SharedRead(url)
    try:
        yield redis, read
    finally:
        await read.aclose()
        await redis.aclose()


async def taken(follower: Follower, count: int) -> list[int]:
    """The numbers of the next entries, so many at least."""
    numbers: list[int] = []
    while len(numbers) < count:
        entries = await asyncio.wait_for(follower.read(), PATIENCE_S)
        numbers += [entry_id(raw_id)[0] for raw_id, _ in entries]
    return numbers


async def test_a_thousand_followers_of_a_process_get_every_event_over_a_few_connections(redis_url: str) -> None:
    calls = [f"c{number}" for number in range(100)]
    seen: Counter[int] = Counter()
    redis = connect(redis_url)

    async def follow(subscriber: Subscriber, number: int) -> list[int]:
        seqs = []
        async for event in subscriber.follow_raw(calls[number % len(calls)]):
            seqs.append(event.seq)
            seen[event.seq] += 1
        return seqs

    async with Subscriber(redis_url) as subscriber:
        await publish(redis, calls, [1])
        following = [asyncio.create_task(follow(subscriber, number)) for number in range(1000)]
        await until(lambda: seen[1] == 1000)
        for seq in range(2, EVENTS + 1):
            await publish(redis, calls, [seq])
        connections = len(await redis.client_list())
        await finish(redis, calls)
        everything = await asyncio.wait_for(asyncio.gather(*following), PATIENCE_S)
    assert everything == [list(range(1, EVENTS + 1))] * 1000
    assert connections <= shared_read.ASKS + 2
    await redis.aclose()


async def test_a_thousand_may_ask_at_once_how_calls_stand(redis_url: str) -> None:
    async with Subscriber(redis_url) as subscriber:
        found = await asyncio.gather(*(subscriber.timeline(f"c{number}") for number in range(1000)))
    assert [timeline.call_id for timeline in found] == [f"c{number}" for number in range(1000)]


async def test_who_falls_behind_is_told_and_misses_nothing(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "LONGEST_QUEUE", 5)
    redis = connect(redis_url)
    async with Subscriber(redis_url) as subscriber:
        slow, quick = subscriber.follow_raw("c"), subscriber.follow_raw("c")
        await publish(redis, ["c"], [1])
        events = [await anext(slow)]
        assert (await anext(quick)).seq == 1
        wanted = asyncio.create_task(_all(slow, events, 2))
        await until(lambda: subscriber._reads[0]._streams)
        await publish(redis, ["c"], [2])
        await wanted
        for seq in range(3, 30):
            await publish(redis, ["c"], [seq])
            assert (await asyncio.wait_for(anext(quick), PATIENCE_S)).seq == seq - 1
        await finish(redis, ["c"])
        await asyncio.wait_for(_all(slow, events, 100), PATIENCE_S)
    assert [event.seq for event in events] == list(range(1, 30))
    assert [event.seq for event in events if event.late] == [3]
    await redis.aclose()


async def _all(events: AsyncIterator[RawEvent], into: list[RawEvent], at_most: int) -> None:
    async for event in events:
        into.append(event)
        if len(into) == at_most:
            return


async def test_who_joins_late_reads_from_its_own_position_on(redis_url: str) -> None:
    async with redis_and_reader(redis_url) as (redis, read), read.follower("t", (0, 0)) as first:
        await _add(redis, "t", 1, 2, 3)
        assert await taken(first, 3) == [1, 2, 3]
        async with read.follower("t", (1, 0)) as second, read.follower("t", (7, 0)) as early:
            assert await taken(second, 2) == [2, 3]
            assert await early.read() == []
            await _add(redis, "t", 4, 5, 6, 7, 8)
            assert await taken(first, 5) == [4, 5, 6, 7, 8]
            assert await taken(second, 5) == [4, 5, 6, 7, 8]
            assert await taken(early, 1) == [8]


async def test_more_than_a_page_is_read_in_pages(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "PAGE", 4)
    async with redis_and_reader(redis_url) as (redis, read), read.follower("t", (0, 0)) as follower:
        await _add(redis, "t", *range(1, 11))
        assert await follower.read() and follower.position == (4, 0)
        assert await taken(follower, 6) == [5, 6, 7, 8, 9, 10]


async def test_nobody_is_read_for_after_the_last_one_has_left(redis_url: str) -> None:
    async with redis_and_reader(redis_url) as (redis, read):
        async with read.follower("t", (0, 0)) as follower:
            assert await follower.read() == []
            assert read._streams.keys() == {"t"}
        assert not read._streams
        async with read.follower("u", (0, 0)) as follower:
            await follower.read()
            await _add(redis, "u", 1)
            assert await taken(follower, 1) == [1]


async def test_a_key_that_is_no_stream_is_an_error_of_who_follows_it_alone(redis_url: str) -> None:
    async with (
        redis_and_reader(redis_url) as (redis, read),
        read.follower("good", (0, 0)) as good,
        read.follower("bad", (0, 0)) as bad,
    ):
        assert await good.read() == await bad.read() == []
        await redis.execute_command("SET", "bad", "no stream")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await taken(bad, 1)
        await _add(redis, "good", 1)
        assert await taken(good, 1) == [1]


async def test_a_new_timeline_under_old_numbers_does_not_go_on_where_the_old_one_waits_unread(redis_url: str) -> None:
    async with Subscriber(redis_url) as subscriber:
        following = subscriber.follow_raw("c")
        redis = connect(redis_url)
        await publish(redis, ["c"], [1], "old")
        assert (await anext(following)).seq == 1
        waiting = asyncio.ensure_future(anext(following))
        await until(lambda: subscriber._reads[0]._streams)
        await publish(redis, ["c"], [2], "old")
        assert (await waiting).seq == 2
        await publish(redis, ["c"], [3], "old")
        await until(lambda: _queued(subscriber))
        await redis.execute_command("DEL", stream_key("c", TIMELINE))
        await publish(redis, ["c"], range(1, 6), "new")
        told = [await asyncio.wait_for(anext(following), PATIENCE_S) for _ in range(3)]
        assert [(event.seq, event.epoch, b"restarted" in event.json) for event in told] == [
            (3, "old", False),
            (0, "", True),
            (1, "new", False),
        ]
        await redis.aclose()


def _queued(subscriber: Subscriber) -> bool:
    return any(follower._queue for stream in subscriber._reads[0]._streams.values() for follower in stream.followers)


async def _add(redis: Redis, key: str, *numbers: int) -> None:
    for number in numbers:
        await redis.execute_command("XADD", key, f"{number}-0", "n", number)


async def test_a_stream_that_is_written_anew_while_it_is_waited_for_is_read_on(redis_url: str) -> None:
    """As an erasure does with the firehose: Redis answers the waiting read with no entries."""
    redis, read = connect(redis_url), SharedRead(redis_url)
    for stream in ("s", "copy"):
        await redis.execute_command("XADD", stream, "1-0", "event", "one")
    async with read.follower("s", (1, 0)) as follower:
        reading = asyncio.create_task(some_of(follower))
        await until(lambda: blocked(redis))
        await redis.execute_command("XSETID", "copy", "3-0")  # the last entry was one of the erased call
        await redis.rename("copy", "s")
        await redis.execute_command("XADD", "s", "4-0", "event", "four")
        assert await asyncio.wait_for(reading, 30) == [b"4-0"]
    await read.aclose()
    await redis.aclose()


async def some_of(follower: Follower) -> list[bytes]:
    while not (entries := await follower.read()):
        pass
    return [raw_id for raw_id, _ in entries]


async def blocked(redis: Redis) -> bool:
    return bool((await redis.info("clients"))["blocked_clients"])
