"""The timeline that a call must have: its stages one after the other in this process, entry by entry, without Redis."""

import asyncio
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared import codec
from shared.audio.pcm import decode, to_float32
from shared.contract.v1 import CallStarted, EndReason
from shared.keys import LAST_POSITION
from shared.pipeline import PIPELINE, TIMELINE
from shared.runtime.call import CallWork, Output, Uncommitted, Unit
from shared.runtime.log import Logged, read_event
from shared.runtime.stage import AudioClosed, CallStage, Frame, Step
from tests.runtime.toy_stages import FATAL, STAGES

Frames = Sequence[tuple[int, bytes]]
"""Frames of channel 0, in order: end sample and bytes."""


def timeline_of(call: CallStarted, frames: Frames, reason: EndReason = EndReason.HANGUP) -> list[bytes]:
    """JSON of every event, in order."""
    return asyncio.run(_timeline_of(call, frames, reason))


async def _timeline_of(call: CallStarted, frames: Frames, reason: EndReason) -> list[bytes]:
    logs: dict[str, list[Logged]] = {"audio:0": [Logged(end, 0, Frame(0, end, pcm)) for end, pcm in frames]}
    logs["audio:0"].append(Logged(LAST_POSITION, 0, AudioClosed(0, reason)))
    outputs: list[Output] = []
    for spec in PIPELINE:
        work = CallWork(spec, call, {})
        stage: CallStage = STAGES[spec.name].open(call, {}, _Sound(call, frames))
        for number, name in enumerate(work.inputs):
            work.offer(number, logs[name])
        outputs = []
        while unit := work.next_unit(careful=True):
            work.stepped(unit, await _step(stage, unit), 1.0)
            outputs += work.uncommitted.outputs
            work.uncommitted = Uncommitted()
        for stream in spec.outputs:
            logs[stream] = [_logged(output) for output in outputs if output.stream == stream]
    return [codec.write(TIMELINE, output.event) for output in outputs if output.event is not None]


async def _step(stage: CallStage, unit: Unit) -> Step:
    for entry in unit.entries:
        if isinstance(entry, Frame) and entry.pcm[:1] == bytes([FATAL]):
            return stage.skip(entry, unit.through_ms, "")
    try:
        return await stage.push(unit.entries, unit.through_ms)
    except ValueError:
        return stage.skip(next(iter(unit.entries), None), unit.through_ms, "")


def _logged(output: Output) -> Logged:
    json = b"" if output.event is None else codec.write(output.stream, output.event)
    return read_event(output.stream, output.id.encode(), [b"event", json])


class _Sound:
    """All sound of a call in memory."""

    def __init__(self, call: CallStarted, frames: Frames) -> None:
        self._samples: npt.NDArray[np.float32] = np.zeros(max((end for end, _ in frames), default=0), np.float32)
        for end, pcm in frames:
            samples = to_float32(decode(pcm, call.encoding))
            self._samples[end - len(samples) : end] = samples

    async def read(self, channel: int, start_sample: int, end_sample: int) -> npt.NDArray[np.float32]:
        found = self._samples[start_sample:end_sample]
        return np.concatenate([found, np.zeros(end_sample - start_sample - len(found), np.float32)])


def numbered(frames: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Frames one after the other, with their end samples."""
    ends = np.cumsum([len(pcm) for pcm in frames])
    return [(int(end), pcm) for end, pcm in zip(ends, frames, strict=True)]
