"""Plays the planned calls in real time, through whatever happens, and reads what became of them."""

import asyncio
import time

from speakerline.shared.client.forget import forget
from speakerline.shared.client.producer import OutgoingCall, Producer, ProducerError
from speakerline.shared.codec import write_call
from speakerline.shared.keys import CALLS
from tests.chaos.plan import PlannedCall
from tests.runtime.playing import outliving, shard_with


async def play(url: str, producer: Producer, planned: PlannedCall, started: float) -> None:
    """One call, frame by frame when its sound ends; `started` is the monotonic second of the whole run's start.

    One that is erased meanwhile is sent until the producer hears of it."""
    begin = started + planned.starts_s
    await asyncio.sleep(max(0.0, begin - time.monotonic()))
    outgoing = await producer.start(planned.call)
    beside = [asyncio.create_task(_announce_again(url, planned, begin + at)) for at in planned.announced_again_s]
    if planned.forgotten_s is None:
        await _send(outgoing, planned, begin)
    else:
        beside.append(asyncio.create_task(_forget(url, planned, begin + planned.forgotten_s)))
        await _send_until_erased(outgoing, planned, begin)
    await asyncio.gather(*beside)


async def _send(outgoing: OutgoingCall, planned: PlannedCall, begin: float) -> None:
    for sending in planned.sendings:
        await asyncio.sleep(max(0.0, begin + sending.at_s - time.monotonic()))
        outgoing.send(sending.pcm, end_sample=sending.end_sample)
    await outgoing.end()


async def _send_until_erased(outgoing: OutgoingCall, planned: PlannedCall, begin: float) -> None:
    try:
        await _send(outgoing, planned, begin)
    except ProducerError as error:
        if "was erased" not in str(error):
            raise


async def _forget(url: str, planned: PlannedCall, at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    await outliving(lambda: forget(url, planned.call.call_id))


async def _announce_again(url: str, planned: PlannedCall, at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    redis, json = shard_with(url, planned.call.call_id), write_call(planned.call)
    await outliving(lambda: redis.execute_command("XADD", redis.key(CALLS), "*", "event", json))
    await redis.aclose()
