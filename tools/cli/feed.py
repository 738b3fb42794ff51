"""Sends a recording as a call, in real time or as fast as the stages take it."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import numpy as np

from speakerline.shared.audio.pcm import encode, to_int16
from speakerline.shared.client.producer import OutgoingCall
from speakerline.tools.media.reading import Recording

Pace = Literal["realtime", "max"]
FRAME_MS = {"realtime": 100, "max": 1000}
"""Length of a frame, by pace."""


async def feed(
    call: OutgoingCall,
    recording: Recording,
    pace: Pace,
    sent: Callable[[int], None] = lambda ms: None,
) -> int:
    """Send all of it and end the call; returns its length in ms. `sent` is called with the position after each frame.

    Raises MediaError, ProducerError."""
    started, position = time.monotonic(), 0
    for block in recording.blocks(FRAME_MS[pace]):
        samples = to_int16(np.ascontiguousarray(block, np.float32))
        position += samples.shape[1]
        now_ms = position * 1000 // recording.sample_rate
        if pace == "realtime":
            await asyncio.sleep(max(0.0, started + now_ms / 1000 - time.monotonic()))
        for channel, one in enumerate(samples):
            call.send(encode(np.ascontiguousarray(one), call.call.encoding), channel)
        if pace == "max":
            await call.drain()
        sent(now_ms)
    await call.end()
    return position * 1000 // recording.sample_rate
