"""A run that lost calls says so in the end, instead of waiting for them."""

import pytest

from speakerline.shared.client.subscriber import Subscriber
from tests.chaos import watching
from tests.chaos.watching import Watchers, stored
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working


async def test_a_call_that_never_began_is_empty_and_one_without_an_end_is_what_is_there(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STORED_S", 1.0)
    async with working(redis_url), producing(redis_url) as producer, Subscriber(redis_url) as subscriber:
        assert (await stored(subscriber, "never")).seq == 0
        outgoing = await producer.start(a_call("open"))
        for pcm in frames_of(1, 20):
            outgoing.send(pcm)
        async for event in subscriber.follow("open"):
            if event.seq == 2:
                break
        assert (await stored(subscriber, "open")).seq >= 2
        await outgoing.end()


async def test_watchers_of_calls_that_never_began_are_told_of_and_ended(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE_S", 2.0)
    watchers = Watchers(redis_url, ["heard", "never"], [])
    async with working(redis_url), producing(redis_url) as producer:
        await play(producer, a_call("heard"), frames_of(1, 20))
        await timeline(redis_url, "heard")
        assert await watchers.problems(redis_url) == ["1 watchers heard of no end"]
