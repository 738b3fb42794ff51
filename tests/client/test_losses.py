"""Redis loses the end of a timeline, or all of it, while somebody follows: who follows ends with what is stored."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from speakerline.shared.client.forget import forget
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.runtime.connection import connect
from speakerline.shared.timeline.timeline import Timeline
from tests.client.spoken_call import aggregating, spoken
from tests.redis_server import RedisServer
from tests.runtime.playing import is_rewritten_after_its_start, until

NewServer = Callable[..., RedisServer]
BEFORE, LOST = ("one", "two", "three"), ("four", "five", "six")
PATIENCE_S = 30.0


class Follower:
    """Takes the events of a call one by one, or in a task of its own; `restarts` are the numbers that it began from."""

    def __init__(self, events: AsyncIterator[TimelineEvent]) -> None:
        self.timeline = Timeline("c")
        self.restarts: list[int] = []
        self._events = events

    async def reach(self, seq: int) -> None:
        while self.timeline.seq < seq:
            self._take(await asyncio.wait_for(anext(self._events), PATIENCE_S))

    async def finish_anew(self) -> None:
        while not (self.restarts and self.timeline.ended):
            self._take(await anext(self._events))

    async def finish(self) -> None:
        async for event in self._events:
            self._take(event)
            if self.timeline.ended:
                return

    def _take(self, event: TimelineEvent) -> None:
        self.timeline.apply(event)
        if event.restarted is not None:
            self.restarts.append(event.seq)


async def of_all_calls(subscriber: Subscriber) -> AsyncIterator[TimelineEvent]:
    async for _, event in subscriber.follow_all("0-0"):
        yield event


WAYS: dict[str, Callable[[Subscriber], AsyncIterator[TimelineEvent]]] = {
    "follow": lambda subscriber: subscriber.follow("c"),
    "follow_all": of_all_calls,
}
each_way = pytest.mark.parametrize("way", WAYS)


@asynccontextmanager
async def following(url: str, way: str = "follow") -> AsyncIterator[tuple[Follower, Subscriber]]:
    async with Subscriber(url) as subscriber:
        yield Follower(WAYS[way](subscriber)), subscriber


async def end_of_log(server: RedisServer) -> Callable[[], Awaitable[None]]:
    """From now on to be lost: what comes back is a restarted server with what it has now."""
    redis = connect(server.url)
    await until(lambda: is_rewritten_after_its_start(redis))
    await redis.aclose()
    size = server.log.stat().st_size

    async def power_cut() -> None:
        server.kill()
        server.cut_log(size)
        await asyncio.to_thread(server.start)

    return power_cut


async def assert_as_stored(follower: Follower, subscriber: Subscriber) -> None:
    assert follower.timeline.snapshot() == (await subscriber.timeline("c")).snapshot()


@each_way
async def test_other_events_under_the_numbers_of_lost_ones_reach_who_was_away_meanwhile(
    new_redis_server: NewServer, way: str
) -> None:
    server = new_redis_server(aof=True)
    async with aggregating(server.url), spoken(server.url) as call, following(server.url, way) as (follower, stored):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await follower.reach(7)
        await power_cut()
        await call.lose(3)
        await call.say("vier", "fünf", "sechs", "sieben")
        await call.end()
        await asyncio.wait_for(follower.finish(), PATIENCE_S)
        await assert_as_stored(follower, stored)
        assert len(follower.restarts) == 1


@each_way
async def test_other_events_under_the_numbers_of_lost_ones_reach_who_waits(
    new_redis_server: NewServer, way: str
) -> None:
    server = new_redis_server(aof=True)
    async with aggregating(server.url), spoken(server.url) as call, following(server.url, way) as (follower, stored):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await follower.reach(7)
        finishing = asyncio.create_task(follower.finish())
        await power_cut()
        await call.lose(3)
        await call.say("vier", "fünf", "sechs", "sieben")
        await call.end()
        await asyncio.wait_for(finishing, PATIENCE_S)
        await assert_as_stored(follower, stored)
        assert len(follower.restarts) == 1


async def test_the_end_of_a_call_may_be_lost_too(new_redis_server: NewServer) -> None:
    server = new_redis_server(aof=True)
    async with (
        aggregating(server.url),
        spoken(server.url) as call,
        following(server.url, "follow_all") as (follower, stored),
    ):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await call.end()
        await asyncio.wait_for(follower.finish(), PATIENCE_S)
        await power_cut()
        await call.lose(3)
        await call.say("vier")
        await call.end()
        await asyncio.wait_for(follower.finish_anew(), PATIENCE_S)
        await assert_as_stored(follower, stored)


async def test_a_worker_reads_anew_what_is_written_again_after_a_loss(new_redis_server: NewServer) -> None:
    """It had read on beyond what came back."""
    server = new_redis_server(aof=True)
    async with aggregating(server.url), spoken(server.url) as call, following(server.url) as (follower, stored):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await power_cut()
        await call.lose(3)
        await call.say("vier")
        await call.end()
        await asyncio.wait_for(follower.finish(), PATIENCE_S)
        await assert_as_stored(follower, stored)


async def test_who_waits_learns_of_a_lost_end_before_anything_new_is_said(new_redis_server: NewServer) -> None:
    server = new_redis_server(aof=True)
    async with aggregating(server.url), spoken(server.url) as call, following(server.url) as (follower, stored):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await follower.reach(7)
        await power_cut()
        follower.timeline = Timeline("c")
        await follower.reach(4)
        assert follower.restarts == [4]
        await assert_as_stored(follower, stored)


@each_way
@pytest.mark.parametrize("words", [2, 6], ids=["fewer events than before", "more events than before"])
@pytest.mark.parametrize("dropped", [True, False], ids=["connections drop", "connections stay"])
async def test_an_emptied_redis_begins_a_new_timeline(
    redis_server: RedisServer, way: str, words: int, dropped: bool
) -> None:
    url = redis_server.url
    async with aggregating(url), spoken(url) as call, following(url, way) as (follower, stored):
        await call.say(*BEFORE)
        await follower.reach(4)
        finishing = asyncio.create_task(follower.finish())
        if dropped:
            redis_server.flush()
        else:
            redis_server.command("FLUSHALL", "SYNC")
        await call.announce()
        await call.say(*(f"new {number}" for number in range(words)))
        await call.end()
        await asyncio.wait_for(finishing, PATIENCE_S)
        await assert_as_stored(follower, stored)


async def test_a_call_that_redis_lost_is_waited_for(redis_server: RedisServer) -> None:
    url = redis_server.url
    async with aggregating(url), spoken(url) as call, following(url) as (follower, stored):
        await call.say(*BEFORE)
        await follower.reach(4)
        redis_server.command("FLUSHALL", "SYNC")
        finishing = asyncio.create_task(follower.finish())
        while not follower.restarts:
            await asyncio.sleep(0.02)
        assert follower.restarts == [0]
        assert follower.timeline.snapshot() == Timeline("c").snapshot()
        await call.announce()
        await call.end()
        await asyncio.wait_for(finishing, PATIENCE_S)
        await assert_as_stored(follower, stored)


@each_way
async def test_another_worker_and_a_restart_without_a_loss_are_no_new_beginning(
    new_redis_server: NewServer, way: str
) -> None:
    server = new_redis_server(aof=True)
    async with spoken(server.url) as call, following(server.url, way) as (follower, stored):
        async with aggregating(server.url):
            await call.say("one")
        async with aggregating(server.url):
            await call.say("two")
            await follower.reach(3)
            await asyncio.to_thread(server.restart, True)
            await call.say("three")
            await call.end()
            await asyncio.wait_for(follower.finish(), PATIENCE_S)
        assert not follower.restarts
        await assert_as_stored(follower, stored)


async def test_who_comes_back_after_a_loss_begins_from_what_is_stored(new_redis_server: NewServer) -> None:
    server = new_redis_server(aof=True)
    async with aggregating(server.url), spoken(server.url) as call, following(server.url) as (follower, stored):
        await call.say(*BEFORE)
        power_cut = await end_of_log(server)
        await call.say(*LOST)
        await follower.reach(7)
        joined = await stored.timeline("c")
        await power_cut()
        await call.lose(3)
        await call.say("vier", "fünf", "sechs", "sieben")
        for timeline in (follower.timeline, joined):
            (event,) = [event async for event in first(stored.follow("c", timeline.seq, timeline.epoch))]
            assert event.restarted
        assert not [event async for event in first(stored.follow("c", 7)) if event.restarted]
        assert [event.seq async for event in first(stored.follow("c", 70))] == [8]


async def test_it_ends_when_a_call_is_erased_whose_producer_is_not_known(redis_url: str) -> None:
    async with aggregating(redis_url), spoken(redis_url) as call, following(redis_url) as (follower, _):
        await call.say(*BEFORE)
        await follower.reach(4)
        await forget(redis_url, "c")
        await asyncio.wait_for(follower.finish(), PATIENCE_S)
        assert not follower.restarts


class ErasedMeanwhile(Subscriber):
    """The call is erased just after the first look whether it was."""

    url: str
    looked = False

    async def erased(self, call_id: str) -> bool:
        answer = await super().erased(call_id)
        if not self.looked:
            self.looked = True
            await forget(self.url, call_id)
        return answer


async def test_it_ends_when_a_call_is_erased_while_it_looks_for_losses(redis_url: str) -> None:
    async with aggregating(redis_url), spoken(redis_url) as call, ErasedMeanwhile(redis_url) as subscriber:
        subscriber.url = redis_url
        await call.say(*BEFORE)
        events = subscriber.follow("c")
        told = [event async for event in events]
        assert subscriber.looked
        assert [event.seq for event in told] == [1, 2, 3, 4]
        assert not any(event.restarted for event in told)


async def first(events: AsyncIterator[TimelineEvent]) -> AsyncIterator[TimelineEvent]:
    yield await asyncio.wait_for(anext(events), PATIENCE_S)
