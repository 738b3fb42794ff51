"""The timeline that a call of the toy stages must have, without Redis and without faults."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from speakerline.shared.contract.v1 import CallStarted, EndReason
from speakerline.shared.pipeline import TIMELINE, VAD
from speakerline.shared.runtime.stage import AudioReader, Entry, Frame, Stage, Step
from tests.runtime.cuts import ENTRY_BY_ENTRY, Frames, run_pipeline
from tests.runtime.toy_stages import FATAL, STAGES, ToyVad


def timeline_of(
    call: CallStarted, frames: Frames, reason: EndReason = EndReason.HANGUP, stages: Mapping[str, Stage] = STAGES
) -> list[bytes]:
    """JSON of every event, as `comparable` gives it; poison and deadly frames left out with their gaps."""
    events = asyncio.run(run_pipeline({**stages, VAD.name: _Survivors()}, call, frames, ENTRY_BY_ENTRY, reason))
    return [json for _, json in events[TIMELINE]]


def numbered(frames: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Frames one after the other, with their end samples."""
    ends = np.cumsum([len(pcm) for pcm in frames])
    return [(int(end), pcm) for end, pcm in zip(ends, frames, strict=True)]


class _Survivor(ToyVad):
    """Fails where a ToyVad would take its process with it."""

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        if any(isinstance(entry, Frame) and entry.pcm[:1] == bytes([FATAL]) for entry in entries):
            raise ValueError("deadly frame")
        return await super().push(entries, through_ms)


class _Survivors:
    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> ToyVad:
        return _Survivor(call, parts, audio)
