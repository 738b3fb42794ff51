"""Calls from a real recording, and their timelines without faults: all stages in this process, as fast as they go."""

import asyncio

import numpy as np
import soxr
from prometheus_client import CollectorRegistry

from speakerline.shared.audio.pcm import encode, to_int16
from speakerline.shared.client.producer import Producer
from speakerline.shared.contract.v1 import Encoding
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.metrics import Metrics
from speakerline.tools.media.reading import open_recording
from speakerline.tools.sample_call import sample_call
from tests.chaos.plan import PRODUCER_ID, Plan, PlannedCall, plan_recordings
from tests.chaos.real_stages import build
from tests.redis_server import RedisServer
from tests.runtime.playing import timeline, working

AT_ONCE = 8
PATIENCE_S = 600


def plan_real(calls: int, seconds: float, seed: int, longest_s: float) -> Plan:
    return plan_recordings(_sound(), calls, seconds, seed, longest_s)


async def expect(plan: Plan) -> dict[str, list[bytes]]:
    metrics = Metrics(CollectorRegistry())
    stages = {spec.name: build(spec.name, metrics) for spec in PIPELINE}
    with RedisServer() as server:
        async with working(server.url, stages=stages, metrics=metrics):
            return await _without_faults(server.url, plan)


async def _without_faults(url: str, plan: Plan) -> dict[str, list[bytes]]:
    producer, room = Producer(url, PRODUCER_ID), asyncio.Semaphore(AT_ONCE)

    async def one(planned: PlannedCall) -> tuple[str, list[bytes]]:
        async with room:
            outgoing = await producer.start(planned.call, buffer_s=3600)
            for end_sample, pcm in planned.frames:
                outgoing.send(pcm, end_sample=end_sample)
            await outgoing.end()
            return planned.call.call_id, await timeline(url, planned.call.call_id, PATIENCE_S)

    try:
        return dict(await asyncio.gather(*(one(planned) for planned in plan.lasting)))
    finally:
        await producer.aclose()


def _sound() -> bytes:
    """The sample call as mu-law at 8 kHz."""
    recording = open_recording(sample_call())
    sound = soxr.resample(recording.read()[0], recording.sample_rate, 8000)
    return encode(to_int16(np.ascontiguousarray(sound, np.float32)), Encoding.MULAW)
