"""Prints the figures of docs/vad.md and docs/accuracy.md: `python -m tests.vad.measure`."""

import asyncio
import time

import numpy as np

from speakerline.services.vad.detector import Answer, Detector, Request
from speakerline.services.vad.energy import Energy
from speakerline.services.vad.settings import VadSettings
from speakerline.services.vad.silero import Silero
from speakerline.services.vad.stage import VadStage
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.shared.runtime.stage import Frame
from tests.no_sound import NoSound
from tests.vad.listening import conversation, heard_ms, spoken_ms


def accuracy(detector: Detector) -> None:
    spoken = spoken_ms()
    for sample_rate, encoding in [(8000, Encoding.MULAW), (16000, Encoding.S16LE)]:
        heard = heard_ms(detector, conversation(sample_rate), sample_rate, encoding)
        name = f"{type(detector).__name__} {sample_rate} Hz {encoding.name}"
        print(f"{name}: heard {heard[spoken].mean():.1%} of the speech, and {heard[~spoken].mean():.1%} of the rest")


def model_cost(detector: Detector) -> None:
    for batch in (1, 8, 32, 100):
        sound = pcm.to_float32(conversation(8000)[80_000 : 80_000 + 3 * 256])
        requests = [Request(8000, b"", sound)] * batch
        runs = []
        for _ in range(50):
            started = time.perf_counter()
            detector.run(requests)
            runs.append(time.perf_counter() - started)
        print(f"{type(detector).__name__} batch of {batch}: {np.median(runs) / batch / 3 * 1e6:.0f} us a chunk")


async def stage_cost(frame_ms: int, snapshots: bool) -> None:
    """Everything but the detector, which here answers from a table."""
    code = pcm.encode(conversation(8000), Encoding.MULAW)
    (answer,) = Silero().run([Request(8000, b"", pcm.to_float32(pcm.decode(code[: 937 * 256], Encoding.MULAW)))])
    known = iter(answer.probabilities)

    async def detect(request: Request) -> Answer:
        return Answer(np.array([next(known) for _ in range(len(request.samples) // 256)]), answer.state)

    started = CallStarted(call_id="c", sample_rate=8000, encoding=Encoding.MULAW, channels=1)
    call = VadStage(detect, VadSettings()).open(started, {}, NoSound())
    step = pcm.ms_to_samples(frame_ms, 8000)
    spent = []
    for end in range(step, 937 * 256, step):
        before = time.perf_counter()
        await call.push([Frame(0, end, code[end - step : end])], 0)
        if snapshots:
            call.snapshot()
        spent.append(time.perf_counter() - before)
    with_snapshot = " with a snapshot" if snapshots else ""
    print(f"stage without detector, frame of {frame_ms} ms{with_snapshot}: {np.mean(spent) * 1e6:.0f} us")


def main() -> None:
    for detector in (Silero(), Energy()):
        accuracy(detector)
        model_cost(detector)
    for frame_ms in (20, 100):
        for snapshots in (False, True):
            asyncio.run(stage_cost(frame_ms, snapshots))


if __name__ == "__main__":
    main()
