"""The timeline that a call of the toy stages must have, without Redis and without faults."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from speakerline.shared import codec
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import CallStarted, Encoding, EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import OPERATOR, PIPELINE, TIMELINE, VAD, StageSpec
from speakerline.shared.runtime.call import CallWork, Output, Uncommitted, Unit
from speakerline.shared.runtime.log import Logged, read_event
from speakerline.shared.runtime.options import WorkerOptions
from speakerline.shared.runtime.stage import AudioClosed, AudioReader, CallStage, Frame, Stage, Step
from tests.runtime.comparable import comparable
from tests.runtime.toy_stages import FATAL, STAGES, ToyVad

Frames = Sequence[tuple[int, bytes]]
"""Frames of channel 0, in order: end sample and bytes."""


def timeline_of(
    call: CallStarted,
    frames: Frames,
    reason: EndReason = EndReason.HANGUP,
    stages: Mapping[str, Stage] = STAGES,
    corrections: Sequence[Logged] = (),
) -> list[bytes]:
    """JSON of every event, as `comparable` gives it; poison and deadly frames left out with their gaps."""
    survivors = {**stages, VAD.name: _Survivors()}
    return comparable(asyncio.run(run_pipeline(survivors, call, frames, reason, corrections))[TIMELINE])


async def run_pipeline(
    stages: Mapping[str, Stage],
    call: CallStarted,
    frames: Frames,
    reason: EndReason = EndReason.HANGUP,
    corrections: Sequence[Logged] = (),
) -> dict[str, list[bytes]]:
    """JSON of every event by stream. `corrections`: the operator's log."""
    logs: dict[str, list[Logged]] = {"audio:0": [Logged(end, 0, Frame(0, end, pcm)) for end, pcm in frames]}
    logs["audio:0"].append(Logged(LAST_POSITION, 0, AudioClosed(0, reason)))
    logs[OPERATOR] = list(corrections)
    told: dict[str, list[bytes]] = {}
    sound = _Sound(call, frames)
    for spec in PIPELINE:
        outputs = await _run(stages[spec.name], spec, call, sound, logs)
        for stream in spec.outputs:
            mine = [one for one in outputs if one.stream == stream]
            logs[stream] = [_logged(one) for one in mine]
            told[stream] = [codec.write(one.stream, one.event) for one in mine if one.event is not None]
    return told


async def _run(
    stage: Stage, spec: StageSpec, call: CallStarted, sound: "_Sound", logs: Mapping[str, Sequence[Logged]]
) -> list[Output]:
    """Entry by entry, as a worker does it in the end: what makes the stage fail alone is left out."""
    work, one = CallWork(spec, call, {}), stage.open(call, {}, sound)
    outputs: list[Output] = []
    for number, name in enumerate(work.inputs):
        work.offer(number, logs[name])
    while unit := work.next_unit(careful=True):
        work.stepped(unit, await _step(one, unit), 1.0)
        outputs += work.uncommitted.outputs
        sound.keep(work.uncommitted.sounds)
        work.uncommitted = Uncommitted()
    assert work.finished, f"{spec.name} did not end"
    return outputs


async def _step(stage: CallStage, unit: Unit) -> Step:
    try:
        return await stage.push(unit.entries, unit.through_ms)
    except ValueError:
        detail = f"{stage.spec.name} failed on it {WorkerOptions().max_tries} times"
        return await stage.skip(next(iter(unit.entries), None), unit.through_ms, detail)


def _logged(output: Output) -> Logged:
    json = b"" if output.event is None else codec.write(output.stream, output.event)
    return read_event(output.stream, output.id.encode(), [b"event", json])


class _Sound:
    """All sound of a call in memory, and that of its separated sources."""

    def __init__(self, call: CallStarted, frames: Frames) -> None:
        self._sources: dict[str, bytes] = {}
        self._samples: Float32s = np.zeros(max((end for end, _ in frames), default=0), np.float32)
        for end, pcm in frames:
            samples = to_float32(decode(pcm, call.encoding))
            self._samples[end - len(samples) : end] = samples

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        found = self._samples[start_sample:end_sample]
        return np.concatenate([found, np.zeros(end_sample - start_sample - len(found), np.float32)])

    def keep(self, sounds: Mapping[str, bytes | None]) -> None:
        """As the commit of a step does."""
        for source, pcm in sounds.items():
            if pcm is None:
                self._sources.pop(source, None)
            else:
                self._sources[source] = pcm

    async def read_source(self, source_id: str) -> Float32s | None:
        pcm = self._sources.get(source_id)
        return None if pcm is None else to_float32(decode(pcm, Encoding.S16LE))


def numbered(frames: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Frames one after the other, with their end samples."""
    ends = np.cumsum([len(pcm) for pcm in frames])
    return [(int(end), pcm) for end, pcm in zip(ends, frames, strict=True)]


class _Survivor(ToyVad):
    """Fails where a ToyVad would take its process with it."""

    async def on_frame(self, frame: Frame) -> None:
        if frame.pcm[:1] == bytes([FATAL]):
            raise ValueError("deadly frame")
        await super().on_frame(frame)


class _Survivors:
    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        return _Survivor(call, parts, audio)
