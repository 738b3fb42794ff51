"""The chaos programme waits for calls that move, however slowly, and gives up those that do not."""

import asyncio
import time

from tests.chaos.settling import settle
from tests.runtime.playing import a_call, frames_of, play, producing, timeline, working

STILL_S = 4.0


async def test_calls_that_move_are_waited_for_however_long_they_take(redis_url: str) -> None:
    async with working(redis_url), producing(redis_url) as producer:
        playing = asyncio.create_task(play(producer, a_call("slow"), frames_of(1, 10), STILL_S / 4))
        began = time.monotonic()
        await settle(redis_url, ["slow"], STILL_S)
        assert playing.done() and time.monotonic() - began > 2 * STILL_S
        assert await timeline(redis_url, "slow", 0.0)


async def test_calls_that_no_stage_works_on_are_given_up(redis_url: str) -> None:
    async with producing(redis_url) as producer:
        await play(producer, a_call("lost"), frames_of(1, 10))
        await settle(redis_url, ["lost"], STILL_S)
