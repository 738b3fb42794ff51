"""Runs stages one after the other without Redis, and cuts what they are given in any way: the answers must not change.

A stage may be asked entry by entry or by the hundred, hear that time has passed in other steps in every run, and be
opened anew from its snapshot at any moment.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speakerline.shared import codec
from speakerline.shared.audio.pcm import decode, to_float32
from speakerline.shared.contract.v1 import CallStarted, Encoding, EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import PIPELINE, TIMELINE, StageSpec
from speakerline.shared.runtime.call import CallWork, Output, Uncommitted, Unit
from speakerline.shared.runtime.log import Logged, read_event
from speakerline.shared.runtime.stage import AudioClosed, CallStage, Frame, Stage, Step
from tests.runtime.comparable import comparable

Frames = Sequence[tuple[int, bytes]]
"""Frames of channel 0, in order: end sample and bytes."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a stage is fed. `pieces`: entries arrive in pieces by chance, else all at once."""

    careful: bool = False
    reopened: bool = False
    pieces: int = 0
    """Seed of the chance; 0 = none."""


WHOLE = Cut()
ENTRY_BY_ENTRY = Cut(careful=True)


async def run_pipeline(
    stages: Mapping[str, Stage],
    call: CallStarted,
    frames: Frames,
    cut: Cut = WHOLE,
    reason: EndReason = EndReason.HANGUP,
) -> dict[str, list[tuple[str, bytes]]]:
    """Every event by stream: entry id and JSON. The timeline's as `comparable` gives them, without an id."""
    logs: dict[str, list[Logged]] = {"audio:0": [Logged(end, 0, Frame(0, end, pcm)) for end, pcm in frames]}
    logs["audio:0"].append(Logged(LAST_POSITION, 0, AudioClosed(0, reason)))
    events: dict[str, list[tuple[str, bytes]]] = {}
    sound = Sound(call, frames)
    for spec in PIPELINE:
        outputs = await run_stage(stages[spec.name], spec, call, sound, logs, cut)
        for stream in spec.outputs:
            mine = [output for output in outputs if output.stream == stream]
            logs[stream] = [_logged(output) for output in mine]
            events[stream] = [(one.id, codec.write(stream, one.event)) for one in mine if one.event is not None]
    told = [json for _, json in events[TIMELINE]]
    assert [entry for entry, _ in events[TIMELINE]] == [f"{number + 1}-0" for number in range(len(told))]
    events[TIMELINE] = [("", json) for json in comparable(told)]
    return events


async def run_stage(
    stage: Stage, spec: StageSpec, call: CallStarted, sound: "Sound", logs: Mapping[str, Sequence[Logged]], cut: Cut
) -> list[Output]:
    """What one stage puts out, watermarks and closing entries included. Sounds that it keeps go to `sound`."""
    work = CallWork(spec, call, {})
    one = stage.open(call, {}, sound)
    outputs: list[Output] = []
    for number, piece in _arrivals([logs[name] for name in work.inputs], cut.pieces):
        work.offer(number, piece)
        while unit := work.next_unit(cut.careful):
            work.stepped(unit, await _step(one, unit), 1.0)
            outputs += work.uncommitted.outputs
            sound.keep(work.uncommitted.sounds)
            work.uncommitted = Uncommitted()
            if cut.reopened:
                one = stage.open(call, {name: bytes(part) for name, part in one.snapshot().items()}, sound)
    assert work.finished, f"{spec.name} did not end"
    return outputs


def _arrivals(logs: Sequence[Sequence[Logged]], seed: int) -> Iterator[tuple[int, Sequence[Logged]]]:
    rng, sent = random.Random(seed), [0] * len(logs)
    while waiting := [number for number, log in enumerate(logs) if sent[number] < len(log)]:
        number = rng.choice(waiting) if seed else waiting[0]
        count = rng.choice((1, 2, 5, 50)) if seed else len(logs[number])
        yield number, logs[number][sent[number] : sent[number] + count]
        sent[number] += count


async def _step(stage: CallStage, unit: Unit) -> Step:
    """As a worker does it in the end: what makes the stage fail alone is left out."""
    try:
        return await stage.push(unit.entries, unit.through_ms)
    except ValueError as error:
        if len(unit.entries) > 1:
            raise
        return stage.skip(next(iter(unit.entries), None), unit.through_ms, str(error))


def _logged(output: Output) -> Logged:
    json = b"" if output.event is None else codec.write(output.stream, output.event)
    return read_event(output.stream, output.id.encode(), [b"event", json])


class Sound:
    """All sound of a call in memory, and that of its separated sources."""

    def __init__(self, call: CallStarted, frames: Frames) -> None:
        self._sources: dict[str, bytes] = {}
        self._samples: npt.NDArray[np.float32] = np.zeros(max((end for end, _ in frames), default=0), np.float32)
        for end, pcm in frames:
            samples = to_float32(decode(pcm, call.encoding))
            self._samples[end - len(samples) : end] = samples

    async def read(self, channel: int, start_sample: int, end_sample: int) -> npt.NDArray[np.float32]:
        found = self._samples[start_sample:end_sample]
        return np.concatenate([found, np.zeros(end_sample - start_sample - len(found), np.float32)])

    def keep(self, sounds: Mapping[str, bytes | None]) -> None:
        """As the commit of a step does."""
        for source, pcm in sounds.items():
            if pcm is None:
                self._sources.pop(source, None)
            else:
                self._sources[source] = pcm

    async def read_source(self, source_id: str) -> npt.NDArray[np.float32] | None:
        pcm = self._sources.get(source_id)
        return None if pcm is None else to_float32(decode(pcm, Encoding.S16LE))
