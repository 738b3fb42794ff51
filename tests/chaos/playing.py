"""Plays the planned calls in real time, through whatever happens, and reads what became of them."""

import asyncio
import time

from redis.asyncio import Redis

from speakerline.shared.client.producer import Producer
from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS
from tests.chaos.plan import PlannedCall
from tests.runtime.playing import outliving


async def play(producer: Producer, redis: Redis, planned: PlannedCall, started: float) -> None:
    """One call, frame by frame when its sound ends; `started` is the monotonic second of the whole run's start."""
    begin = started + planned.starts_s
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    outgoing = await producer.start(planned.call)
    again = [asyncio.create_task(_announce_again(redis, planned, begin + at)) for at in planned.announced_again_s]
    for sending in planned.sendings:
        await asyncio.sleep(max(0.0, begin + sending.at_s - time.monotonic()))
        outgoing.send(sending.pcm, end_sample=sending.end_sample)
    await outgoing.end()
    await asyncio.gather(*again)


async def _announce_again(redis: Redis, planned: PlannedCall, at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    json = write_call(planned.call)
    await outliving(lambda: redis.execute_command("XADD", CALLS, "*", "event", json))
