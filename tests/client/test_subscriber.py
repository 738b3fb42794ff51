"""The subscriber: every event once and in order, from any number on, through outages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import CALLS_PAGE, Subscriber
from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.keys import CALLS, FIREHOSE, stage_key
from speakerline.shared.pipeline import AGGREGATOR, PIPELINE
from speakerline.shared.runtime.connection import connect
from speakerline.shared.timeline.parts import UnreadableTimeline
from tests.redis_server import RedisServer
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, until, working


async def follow(url: str, call_id: str, after: int = 0) -> list[int]:
    subscriber = Subscriber(url)
    try:
        return [event.seq async for event in subscriber.follow(call_id, after)]
    finally:
        await subscriber.aclose()


async def test_it_waits_for_the_call_and_ends_with_it(redis_url: str) -> None:
    following = asyncio.create_task(follow(redis_url, "c"))
    async with working(redis_url), producing(redis_url) as producer:
        await asyncio.sleep(0.2)
        await play(producer, a_call("c"), frames_of(1, 30), 0.01)
        events = await timeline(redis_url, "c")
        assert await asyncio.wait_for(following, 20) == list(range(1, len(events) + 1))


async def test_it_resumes_after_a_number_and_gets_exactly_what_it_missed(redis_url: str) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("c"), frames_of(2, 30))
        count = len(await timeline(redis_url, "c"))
        assert await follow(redis_url, "c", after=5) == list(range(6, count + 1))
        assert await follow(redis_url, "c", after=count) == []


async def test_it_outlives_redis_being_killed_and_restarted(new_redis_server: Callable[..., RedisServer]) -> None:
    server = new_redis_server(aof=True)
    following = asyncio.create_task(follow(server.url, "c"))
    async with working(server.url), producing(server.url) as producer:
        playing = asyncio.create_task(play(producer, a_call("c"), frames_of(3, 60), 0.02))
        await asyncio.sleep(0.6)
        server.kill()
        await asyncio.to_thread(server.start)
        await playing
        events = await timeline(server.url, "c")
        assert await asyncio.wait_for(following, 20) == list(range(1, len(events) + 1))


async def test_it_ends_when_the_call_is_erased(redis_url: str) -> None:
    redis = connect(redis_url)
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames_of(4, 30):
            outgoing.send(pcm)
        following = asyncio.create_task(follow(redis_url, "c"))
        await until(lambda: redis.exists("call:{c}:timeline"))
        await asyncio.sleep(1.3)
        await forget(redis_url, "c")
        assert await asyncio.wait_for(following, 20)
    await redis.aclose()


async def test_the_firehose_has_every_event_of_every_call(redis_url: str) -> None:
    subscriber, redis = Subscriber(redis_url), connect(redis_url)
    seen: dict[str, list[int]] = {}

    async def watch() -> None:
        async for _, event in subscriber.follow_all():
            seen.setdefault(event.call_id, []).append(event.seq)

    watching = asyncio.create_task(watch())
    await until(lambda: is_watched(redis))
    async with working(redis_url), producing(redis_url) as producer:
        await asyncio.gather(*(play(producer, a_call(f"c{number}"), frames_of(number, 30)) for number in range(3)))
        counts = {f"c{number}": len(await timeline(redis_url, f"c{number}")) for number in range(3)}
        await until(lambda: sum(map(len, seen.values())) >= sum(counts.values()))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert seen == {call_id: list(range(1, count + 1)) for call_id, count in counts.items()}
    ids = [entry async for entry in _first(subscriber, "0-0", 3)]
    rest = [entry async for entry in _first(subscriber, ids[0], 2)]
    assert rest == ids[1:]
    await redis.aclose()
    await subscriber.aclose()


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_no_event_of_a_call_takes_no_other_from_who_follows_all(redis_url: str, whole: bool) -> None:
    subscriber, redis = Subscriber(redis_url), connect(redis_url)
    good = b'{"call_id":"gone","seq":7,"at_ms":700,"finalized":{"through_ms":600}}'
    strange = (b"\xff\xfe", b"", b"{}", b"[]", b'{"call_id":"a {b}","seq":2}', b'{"call_id":"c","seq":-1}')
    for json in (*strange, b'{"call_id":"later","seq":1,"of_a_newer_version":{"a":1}}', good):
        await redis.execute_command("XADD", FIREHOSE, "*", "event", json)
    await redis.execute_command("XADD", FIREHOSE, "*", "nothing", "of ours")
    await redis.execute_command("XADD", FIREHOSE, "*", "event", good, "epoch", b"\xff")
    last = b'{"call_id":"end","seq":1,"at_ms":700,"finalized":{"through_ms":700}}'
    await redis.execute_command("XADD", FIREHOSE, "*", "event", last)
    seen = []
    async for _, event in subscriber.follow_all("0-0", whole=whole):
        seen.append((event.call_id, event.seq))
        if event.call_id == "end":
            break
    # From its beginning, a call that is gone has nothing that can be told.
    assert seen == ([("later", 1)] if whole else [("later", 1), ("gone", 7)]) + [("end", 1)]
    await redis.aclose()
    await subscriber.aclose()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("damaged", [b'{"seq":"many"}', b"tru", b"\xff"])
async def test_a_call_whose_timeline_can_not_be_read_takes_nothing_from_who_follows_all(
    redis_url: str, whole: bool, damaged: bytes
) -> None:
    """Asked for by itself, it is refused in a sentence."""
    subscriber, redis = Subscriber(redis_url), connect(redis_url)
    fields: dict[Any, Any] = {b"part:head": damaged, b"part:block:x": b"{}", b"\xff": b"", b"epochs": b"\xff"}
    await redis.hset(stage_key("bad", AGGREGATOR.name), mapping=fields)
    for call_id, seq in (("bad", 7), ("bad", 9), ("end", 1)):
        told = f'{{"call_id":"{call_id}","seq":{seq},"finalized":{{"through_ms":600}}}}'
        await redis.execute_command("XADD", FIREHOSE, "*", "event", told)
    seen = []
    async for _, event in subscriber.follow_all("0-0", whole=whole):
        seen.append((event.call_id, event.seq))
        if event.call_id == "end":
            break
    assert seen == [*([] if whole else [("bad", 7), ("bad", 9)]), ("end", 1)]
    with pytest.raises(UnreadableTimeline, match=r"^part head of [0-9]+ bytes of a timeline is damaged, or of another"):
        await subscriber.timeline("bad")
    await redis.aclose()
    await subscriber.aclose()


async def is_watched(redis: Redis) -> bool:
    return any(client["cmd"] == "xread" for client in await redis.client_list())


async def _first(subscriber: Subscriber, after: str, count: int):
    async for entry, _ in subscriber.follow_all(after):
        yield entry
        count -= 1
        if not count:
            return


async def test_it_lists_the_calls_that_go_on(redis_url: str) -> None:
    subscriber = Subscriber(redis_url)
    redis = connect(redis_url)
    async with producing(redis_url) as producer:
        await producer.start(a_call("one"))
        await producer.start(a_call("two"))
        await redis.execute_command("XADD", "calls", "*", "event", "no call")
        assert [call.call_id for call in await subscriber.calls()] == ["one", "two"]
        assert await subscriber.exists("one") and not await subscriber.exists("three")
    await redis.aclose()
    await subscriber.aclose()


async def test_it_asks_for_a_page_of_calls_at_a_time(redis_url: str) -> None:
    redis, call_ids = connect(redis_url), [f"c{number}" for number in range(2 * CALLS_PAGE + 10)]
    announcements = redis.pipeline(transaction=False)
    for call_id in call_ids:
        announcements.execute_command("XADD", CALLS, "*", "event", write_call(a_call(call_id)))
    await announcements.execute()
    await redis.config_resetstat()
    async with Subscriber(redis_url) as subscriber:
        assert [call.call_id for call in await subscriber.calls()] == call_ids
    assert (await redis.info("commandstats"))["cmdstat_xrange"]["calls"] >= 3
    await redis.aclose()


async def test_a_call_that_nobody_knows_has_an_empty_timeline(redis_url: str) -> None:
    async with Subscriber(redis_url) as subscriber:
        unknown = await subscriber.timeline("unknown")
    assert (unknown.call_id, unknown.seq) == ("unknown", 0)


async def test_it_ends_when_the_call_is_erased_right_after_its_first_events(redis_url: str) -> None:
    subscriber = Subscriber(redis_url)
    async with working(redis_url), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames_of(4, 30):
            outgoing.send(pcm)
        following = subscriber.follow("c")
        assert (await anext(following)).seq == 1
        await forget(redis_url, "c")
        rest = asyncio.create_task(_drain(following))
        await asyncio.wait_for(rest, 20)
    await subscriber.aclose()


@pytest.mark.parametrize("taken", [True, False], ids=["a running call", "one that no stage has taken"])
@pytest.mark.parametrize("after", [0, 7], ids=["from its beginning", "from event 7 on"])
async def test_who_follows_a_call_that_was_erased_before_waits_for_nothing(
    redis_url: str, taken: bool, after: int
) -> None:
    async with working(redis_url, PIPELINE if taken else ()), producing(redis_url) as producer:
        outgoing = await producer.start(a_call("c"))
        for pcm in frames_of(4, 10):
            outgoing.send(pcm)
        redis = connect(redis_url)
        await until(lambda: redis.exists("call:{c}:timeline" if taken else "call:{c}:audio:0"))
        await forget(redis_url, "c")
        assert await asyncio.wait_for(follow(redis_url, "c", after), 20) == []
        async with Subscriber(redis_url) as subscriber:
            assert await subscriber.erased("c")
    await redis.aclose()


async def test_who_waits_for_a_call_that_is_erased_before_its_first_event_hears_the_end(redis_url: str) -> None:
    following = asyncio.create_task(follow(redis_url, "c"))
    redis = connect(redis_url)
    await until(lambda: is_watched(redis))
    async with producing(redis_url) as producer:
        await producer.start(a_call("c"))
        await forget(redis_url, "c")
        assert await asyncio.wait_for(following, 20) == []
    await redis.aclose()


async def _drain(events: AsyncIterator[TimelineEvent]) -> None:
    async for _ in events:
        pass
