"""A client of Twilio Media Streams that nobody here wrote: two sides of a call, whole and with loss."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prometheus_client import CollectorRegistry

from speakerline.shared.audio.pcm import decode, encode
from speakerline.shared.client.producer import Producer
from speakerline.shared.client.subscriber import Subscriber
from speakerline.shared.contract.v1 import CallStarted, ChannelMode, Encoding, Gap, TimelineEvent
from speakerline.shared.event_kinds import body_of
from speakerline.shared.pipeline import PIPELINE
from speakerline.shared.runtime.metrics import Metrics
from speakerline.tools.pipeline.local import build_stages, running
from speakerline.tools.pipeline.settings import Settings
from tests.e2e.sample_call import alone
from tests.gateway.serving import gateway_process

SECONDS = 8
RATE = 8000
PROGRAM = Path(sys.executable).with_name("streamdouble")

pytestmark = pytest.mark.slow


@asynccontextmanager
async def stages(redis_url: str) -> AsyncIterator[None]:
    """All but those that take minutes to load."""
    settings = Settings(vad_model="energy", separation_model="off", asr_model="off")
    metrics = Metrics(CollectorRegistry())
    built = await asyncio.to_thread(build_stages, settings, metrics)
    assert set(built) == {spec.name for spec in PIPELINE}
    async with running(redis_url, built, metrics):
        yield


@pytest.fixture
def sides(tmp_path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """What each party says in the first seconds of the sample call, as mu-law has it, and as files."""
    found = {}
    for name, speaker in (("inbound", "speaker90"), ("outbound", "speaker91")):
        samples = alone(speaker, RATE)[6 * RATE : (6 + SECONDS) * RATE]
        found[name] = decode(encode(samples, Encoding.MULAW), Encoding.MULAW)
        soundfile.write(tmp_path / f"{name}.wav", found[name], RATE, subtype="PCM_16")
    return found


async def called(url: str, folder: Path, call_id: str, *options: str) -> None:
    if not PROGRAM.is_file():
        pytest.skip("streamdouble is not installed: it needs Python 3.11")
    command = [PROGRAM, "call", f"{url.replace('http', 'ws')}/twilio", "--fork", "--track", "both", "--quiet"]
    command += ["--audio", folder / "inbound.wav", "--agent-audio", folder / "outbound.wav"]
    command += ["--param", f"call_id={call_id}", "--allow-no-audio", *options]
    process = await asyncio.create_subprocess_exec(*map(str, command), stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def timeline_of(redis_url: str, call_id: str) -> list[TimelineEvent]:
    async with Subscriber(redis_url) as subscriber:
        return [event async for event in subscriber.follow(call_id)]


def told(events: list[TimelineEvent]) -> list[Mapping[str, Any]]:
    """The events but the announcement, without the id of the call."""
    return [
        {"at_ms": event.at_ms, "body": json.loads(body.to_json())}
        for event in events[1:]
        if (body := body_of(event)) is not None
    ]


async def test_without_loss_the_timeline_is_that_of_the_same_sound_from_a_producer(
    redis_url: str, tmp_path: Path, sides: dict[str, np.ndarray[Any, Any]]
) -> None:
    announcement = CallStarted("direct", RATE, Encoding.S16LE, 2, ChannelMode.SEPARATE)
    async with stages(redis_url):
        with gateway_process(redis_url, tmp_path / "log") as gateway:
            await called(gateway.url, tmp_path, "whole")
        async with Producer(redis_url) as producer:
            call = await producer.start(announcement)
            for channel, samples in enumerate(sides.values()):
                call.send(encode(samples, Encoding.S16LE), channel)
            await call.end()
        whole, direct = await timeline_of(redis_url, "whole"), await timeline_of(redis_url, "direct")
    assert not [event for event in whole if event.gap]
    assert {type(body_of(event)).__name__ for event in whole} >= {"Speech", "Turn", "SpeakerCreated", "CallEnded"}
    assert told(whole) == told(direct)


async def test_with_loss_the_gaps_are_the_loss(
    redis_url: str, tmp_path: Path, sides: dict[str, np.ndarray[Any, Any]]
) -> None:
    trace = tmp_path / "trace.jsonl"
    async with stages(redis_url):
        with gateway_process(redis_url, tmp_path / "log") as gateway:
            loss = ("--packet-loss", "0.02", "--jitter", "20", "--chaos-seed", "7", "--trace", str(trace))
            await called(gateway.url, tmp_path, "lossy", *loss)
        events = await timeline_of(redis_url, "lossy")
    gaps = [body for event in events if isinstance(body := body_of(event), Gap)]
    lost = {channel: lost_ms(trace, track) for channel, track in enumerate(sides)}
    assert lost[0] > 0
    for channel, ms in lost.items():
        assert sum(gap.end_ms - gap.start_ms for gap in gaps if gap.channel == channel) == ms


def lost_ms(trace: Path, track: str) -> int:
    """What lies before the last frame of a track and was not sent."""
    frames = [json.loads(line) for line in trace.read_text().splitlines()]
    sent = [int(frame["timestamp_ms"]) for frame in frames if frame.get("track") == track]
    return max(sent) + 20 - 20 * len(sent)
