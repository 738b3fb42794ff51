"""`python -m speakerline.tools.demo`: plays the sample call to a running system, live, again and again, until SIGTERM.

It reads the sound with the standard library, so that it runs where only the packages of services are installed."""

import argparse
import asyncio
import itertools
import signal
import time
import wave

import numpy as np

from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.runtime.process_settings import ProcessSettings
from speakerline.tools.arguments import one_or_more
from speakerline.tools.sample_call import sample_call

FRAME_S = 0.1
PAUSE_S = 2.0
"""Between two calls of one line."""


def frames() -> tuple[int, list[bytes]]:
    """The sample rate, and the sound in frames of 100 ms, 16 bits a sample."""
    with wave.open(str(sample_call())) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    size = round(FRAME_S * rate)
    return rate, [samples[at : at + size].tobytes() for at in range(0, len(samples), size)]


async def play(producer: Producer, call_id: str) -> None:
    """One call, at the pace at which it was spoken."""
    rate, sound = frames()
    call = await producer.start(CallStarted(call_id=call_id, sample_rate=rate, encoding=Encoding.S16LE, channels=1))
    started = time.monotonic()
    for number, frame in enumerate(sound, start=1):
        call.send(frame)
        await asyncio.sleep(max(0.0, started + number * FRAME_S - time.monotonic()))
    await call.end()


async def play_on(url: str, name: str, lines: int, times: int | None) -> None:
    """So many calls at once, each so many times (None: until cancelled): `NAME-LINE-TURN`."""

    async def line(number: int) -> None:
        await asyncio.sleep(number)
        for turn in itertools.count(1) if times is None else range(1, times + 1):
            await play(producer, f"{name}-{number + 1}-{turn}")
            await asyncio.sleep(PAUSE_S)

    async with Producer(url) as producer:
        await asyncio.gather(*(line(number) for number in range(lines)))


async def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.demo", description=__doc__)
    parser.add_argument("--calls", type=one_or_more, default=2, metavar="N", help="calls at once (default: 2)")
    parser.add_argument("--times", type=one_or_more, metavar="N", help="calls after each other (default: no end)")
    parser.add_argument("--name", default=f"demo-{time.time():.0f}", help="how their ids begin (default: %(default)s)")
    given = parser.parse_args()
    url = ProcessSettings.from_environment().redis_url
    playing = asyncio.ensure_future(play_on(url, given.name, given.calls, given.times))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    await asyncio.gather(playing, return_exceptions=True)
    if not playing.cancelled():
        playing.result()


if __name__ == "__main__":
    asyncio.run(main())
