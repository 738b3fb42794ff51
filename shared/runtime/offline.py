"""Runs stages one after the other over a call in memory, as the workers do it over Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speakerline.shared.audio.pcm import decode, encode, to_float32, to_int16
from speakerline.shared.contract.v1 import CallStarted, Encoding, EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import AUDIO, StageSpec
from speakerline.shared.runtime.call import CallWork, Output, Uncommitted
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.stage import AudioClosed, Event, Frame, Stage
from speakerline.shared.voiceprints.vectors import Floats

FRAME_MS = 100


@dataclass
class OfflineCall:
    """A recording (n, channels) at 8 or 16 kHz, and everything that stages have said about it so far."""

    call: CallStarted
    samples: Floats
    logs: dict[str, list[Logged]] = field(default_factory=dict)
    sounds: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, samples: Floats, rate: int) -> OfflineCall:
        call = CallStarted(name, rate, Encoding.S16LE, samples.shape[1])
        step = rate * FRAME_MS // 1000
        logs = {}
        for channel in range(samples.shape[1]):
            pieces = [(at, samples[at : at + step, channel]) for at in range(0, len(samples), step)]
            frames = [
                Logged(at + len(piece), 0, Frame(channel, at + len(piece), encode(to_int16(piece), Encoding.S16LE)))
                for at, piece in pieces
            ]
            logs[f"{AUDIO}:{channel}"] = [
                *frames,
                Logged(LAST_POSITION, 0, AudioClosed(channel, EndReason.HANGUP)),
            ]
        return cls(call, samples, logs)

    async def run(self, stage: Stage, spec: StageSpec) -> None:
        """Let a stage hear the whole call; its inputs must be there, its outputs are replaced."""
        work, opened = CallWork(spec, self.call, {}), stage.open(self.call, {}, self)
        outputs: list[Output] = []
        for number, name in enumerate(work.inputs):
            work.offer(number, self.logs[name])
        while unit := work.next_unit():
            work.stepped(unit, await opened.push(unit.entries, unit.through_ms), 1.0)
            outputs += work.uncommitted.outputs
            self.sounds |= {name: pcm for name, pcm in work.uncommitted.sounds.items() if pcm is not None}
            work.uncommitted = Uncommitted()
        if not work.finished:
            raise RuntimeError(f"{spec.name} did not end")
        for stream in spec.outputs:
            self.logs[stream] = [_logged(output) for output in outputs if output.stream == stream]

    def events(self, stream: str) -> list[Event]:
        """What was said on a stream, in order."""
        return [logged.entry for logged in self.logs[stream] if isinstance(logged.entry, Event)]

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Floats:
        found: Floats = np.zeros(end_sample - start_sample, np.float32)
        piece = self.samples[max(0, start_sample) : end_sample, channel]
        found[: len(piece)] = to_float32(to_int16(np.ascontiguousarray(piece)))
        return found

    async def read_source(self, source_id: str) -> Floats | None:
        pcm = self.sounds.get(source_id)
        return None if pcm is None else to_float32(decode(pcm, Encoding.S16LE))


async def run_all(call: OfflineCall, stages: Sequence[tuple[StageSpec, Stage]]) -> Mapping[str, list[Event]]:
    """Stages in the order given; the events of all their outputs."""
    for spec, stage in stages:
        await call.run(stage, spec)
    return {stream: call.events(stream) for spec, _ in stages for stream in spec.outputs}


def _logged(output: Output) -> Logged:
    position, number = (int(word) for word in output.id.split("-"))
    entry = None if output.event is None else Event(output.stream, position, output.event)
    return Logged(position, number, entry)
