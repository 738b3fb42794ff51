"""Runs stages one after the other over a call in memory, as the workers do it over Redis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import decode, encode, to_float32, to_int16
from speakerline.shared.contract.v1 import CallStarted, Encoding, EndReason
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import AUDIO, OPERATOR, StageSpec
from speakerline.shared.runtime.call import CallWork, Output, Uncommitted, inputs_of
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import AudioClosed, Event, Frame, Stage

FRAME_MS = 100


@dataclass(slots=True)
class OfflineCall:
    """A recording (n, channels) at 8 or 16 kHz, and the events and sounds that stages have made of it so far."""

    call: CallStarted
    samples: Float32s
    logs: dict[str, list[Logged]] = field(default_factory=dict)
    sounds: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, samples: Float32s, rate: int, encoding: Encoding = Encoding.S16LE) -> "OfflineCall":
        """A call that is all there. Raises ValueError unless samples are (n, channels), float32 in -1..1."""
        if samples.ndim != 2:
            raise ValueError(f"samples of shape {samples.shape}: expected (n, channels)")
        call = CallStarted(name, rate, encoding, samples.shape[1])
        step = rate * FRAME_MS // 1000
        logs, channels = dict[str, list[Logged]]({OPERATOR: []}), []
        for channel in range(samples.shape[1]):
            pcm = [encode(to_int16(samples[at : at + step, channel]), encoding) for at in range(0, len(samples), step)]
            ends = [min(at + step, len(samples)) for at in range(0, len(samples), step)]
            logs[f"{AUDIO}:{channel}"] = [
                *(Logged(end, 0, Frame(channel, end, piece)) for end, piece in zip(ends, pcm, strict=True)),
                Logged(LAST_POSITION, 0, AudioClosed(channel, EndReason.HANGUP)),
            ]
            channels.append(to_float32(decode(b"".join(pcm), encoding)))
        return cls(call, np.stack(channels, axis=1), logs)

    async def run(self, stage: Stage, spec: StageSpec) -> None:
        """Run a stage over the whole call; its inputs must be there, its outputs are replaced."""
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

    def recording(self, spec: StageSpec) -> Recording:
        """What a stage is given of it; its inputs must be there."""
        entries = [logged.entry for name in inputs_of(spec, self.call) for logged in self.logs[name]]
        return Recording(self.call, [entry for entry in entries if entry is not None], self)

    def events(self, stream: str) -> list[Event]:
        """What was said on a stream, in order."""
        return [logged.entry for logged in self.logs[stream] if isinstance(logged.entry, Event)]

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        found: Float32s = np.zeros(end_sample - start_sample, np.float32)
        piece = self.samples[max(0, start_sample) : end_sample, channel]
        found[: len(piece)] = piece
        return found

    async def read_source(self, source_id: str) -> Float32s | None:
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
