"""Helpers: real speech with its truth, and a call that is pushed through the stage while its promises are checked."""

import asyncio
import wave
from functools import cache
from pathlib import Path

import numpy as np
import soxr

from speakerline.services.vad.detector import Answer, Detector, Request
from speakerline.services.vad.settings import VadSettings
from speakerline.services.vad.stage import VadStage
from speakerline.shared import codec
from speakerline.shared.arrays import AnyArray, Int16s
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import (
    CallStarted,
    ChannelMode,
    Encoding,
    EndReason,
    ServiceClass,
    Speech,
    SpeechState,
)
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, Event, Frame
from speakerline.tools.sample_call import sample_call
from tests.no_sound import NoSound

HANGUP = EndReason.HANGUP

_LOOP = asyncio.new_event_loop()
"""Of all calls: to make one for each push takes longer than most pushes."""


def sample_file(suffix: str) -> Path:
    """30 s of a phone conversation with hand-made truth."""
    return sample_call().with_suffix(f".{suffix}")


@cache
def conversation(sample_rate: int) -> Int16s:
    with wave.open(str(sample_file("wav"))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    if sample_rate == 16000:
        return samples
    return pcm.to_int16(soxr.resample(pcm.to_float32(samples), 16000, sample_rate))


@cache
def spoken_ms() -> AnyArray:
    """Truth of the conversation: for each of 30,000 ms, whether somebody speaks."""
    truth = np.zeros(30_000, bool)
    for line in sample_file("rttm").read_text().splitlines():
        start, length = (float(field) for field in line.split()[3:5])
        truth[round(start * 1000) : round((start + length) * 1000)] = True
    return truth


class Quiet:
    """A detector that never hears speech."""

    def run(self, requests):
        return [
            Answer(np.zeros(len(one.samples) * 1000 // one.sample_rate // 32, np.float32), b"q") for one in requests
        ]


class Loud:
    """A detector that hears speech wherever a chunk's mean level is over 0.1, and records what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def run(self, requests):
        self.requests += requests
        return [self._answer(one) for one in requests]

    def _answer(self, request):
        chunks = np.abs(request.samples).reshape(-1, request.sample_rate * 32 // 1000).mean(axis=1)
        return Answer((chunks > 0.1).astype(np.float32), b"heard")


class Call:
    """One call in the stage; `events` is all it published."""

    def __init__(
        self,
        detector: Detector,
        sample_rate=8000,
        encoding=Encoding.S16LE,
        channels=1,
        settings=None,
        front_end=None,
        service_class=ServiceClass.LIVE,
    ) -> None:
        self.rate, self.encoding = sample_rate, encoding
        self._started = CallStarted(
            call_id="c",
            sample_rate=sample_rate,
            encoding=encoding,
            channels=channels,
            front_end=front_end,
            channel_mode=ChannelMode.SEPARATE,
            service_class=service_class,
        )

        async def detect(request: Request) -> Answer:
            return detector.run([request])[0]

        self._stage = VadStage(detect, settings or VadSettings())
        self.stage_of_call = self._stage.open(self._started, {}, NoSound())
        self._open = set(range(channels))
        self.events: list[Event] = []
        self.through_ms = 0
        self.audio_from: dict[int, int] = {}

    def push(self, *entries) -> "Call":
        self._open -= {entry.channel for entry in entries if isinstance(entry, AudioClosed)}
        self._keep(_LOOP.run_until_complete(self.stage_of_call.push(entries, 0 if self._open else FOREVER)))
        return self

    def skip(self, entry, detail="it failed 3 times") -> "Call":
        self._open -= {entry.channel} if isinstance(entry, AudioClosed) else set()
        self._keep(_LOOP.run_until_complete(self.stage_of_call.skip(entry, 0 if self._open else FOREVER, detail)))
        return self

    def reopen(self) -> "Call":
        self.stage_of_call = self._stage.open(self._started, dict(self.stage_of_call.snapshot()), NoSound())
        return self

    def close(self, *channels: int, reason=HANGUP) -> "Call":
        return self.push(*(AudioClosed(channel, reason) for channel in channels or (0,)))

    def frame(self, start_ms: int, end_ms: int, level=0.0, channel=0, shed=False) -> Frame:
        """A square wave; `level` 0 to 1."""
        count = pcm.ms_to_samples(end_ms - start_ms, self.rate)
        wave_form = np.where(np.arange(count) // 4 % 2, -level, level).astype(np.float32)
        data = pcm.encode(pcm.to_int16(wave_form), self.encoding)
        return Frame(channel, pcm.ms_to_samples(end_ms, self.rate), data, shed)

    @property
    def written(self) -> list[tuple[int, bytes]]:
        """The events as they go to Redis."""
        return [(event.position, codec.write(event.stream, event.body)) for event in self.events]

    def bodies(self, kind) -> list:
        return [event.body for event in self.events if isinstance(event.body, kind)]

    def segments(self) -> list[tuple[int, int]]:
        return [(one.start_ms, one.end_ms) for one in self.bodies(Speech) if one.state == SpeechState.CLOSED]

    def _keep(self, step) -> None:
        positions = [event.position for event in step.events]
        assert positions == sorted(positions)
        assert all(self.through_ms < position for position in positions)
        self.events += step.events
        self.through_ms = step.through_ms
        self.audio_from = dict(step.audio_from)


def heard_ms(detector: Detector, samples: Int16s, sample_rate: int, encoding: Encoding) -> AnyArray:
    """For each ms of the sound, whether the stage calls it speech."""
    call = Call(detector, sample_rate, encoding)
    call.push(Frame(0, len(samples), pcm.encode(samples, encoding))).close()
    heard = np.zeros(pcm.samples_to_ms(len(samples), sample_rate), bool)
    for start, end in call.segments():
        heard[start:end] = True
    return heard
