"""Stages without a model that keep every rule of the runtime, and whose output shows any loss, repeat or reorder.

Each chains a hash over everything it has seen: one frame that is missing, doubled or late changes every later event.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np

from speakerline.shared.contract.v1 import (
    AudioEnded,
    CallEnded,
    CallStarted,
    Degraded,
    EndReason,
    Gap,
    GapReason,
    LocalVoice,
    Overlap,
    Separated,
    Separation,
    Source,
    SpeakerSource,
    Speech,
    SpeechState,
    TimelineBody,
    TimelineEvent,
    Transcript,
    Turn,
    VoiceWindow,
    Word,
)
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.keys import sounds_key
from speakerline.shared.pipeline import (
    AGGREGATOR,
    ASR,
    CLUSTERING,
    EMBEDDING,
    OVERLAPS,
    SEPARATION,
    SOURCES,
    SOURCES_DELAY_MS,
    SPEECH,
    TIMELINE,
    TURNS,
    VAD,
    VOICES,
    WORDS,
    Stream,
)
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, AudioReader, Entry, Event, Frame, Stage, Step

Model = Callable[[bytes], Awaitable[None]]
"""Raises ModelFailed."""

POISON = 1
"""First byte of a frame that makes ToyVad raise."""
FATAL = 2
"""First byte of a frame that kills the process."""
SEGMENT_MS = 700
SOURCE_MS = 20
"""Of the sound of a source; little, because it stays in Redis with the call."""


def chain(before: str, *parts: object) -> str:
    return hashlib.blake2b(f"{before}{parts}".encode(), digest_size=6).hexdigest()


class _Toy(ABC):
    """State is a dictionary of small texts."""

    initial: Mapping[str, str] = {}

    def __init__(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> None:
        self.call, self.audio = call, audio
        self.state = {**self.initial, **{name: value.decode() for name, value in parts.items()}}

    def snapshot(self) -> dict[str, bytes]:
        return {name: value.encode() for name, value in self.state.items()}

    def number(self, name: str) -> int:
        return int(self.state.get(name, "0"))

    @abstractmethod
    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step: ...

    @abstractmethod
    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step: ...


class ToyVad(_Toy):
    """One segment every 700 ms of sound; its id carries the hash of all frames so far."""

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step()
        for entry in entries:
            if isinstance(entry, Frame):
                if entry.pcm[:1] == bytes([POISON]):
                    raise ValueError("poison frame")
                if entry.pcm[:1] == bytes([FATAL]):
                    os._exit(137)
                self._hear(entry, step)
            elif isinstance(entry, AudioClosed):
                self.state["reason"] = str(int(entry.reason))
        return self._finish(step, through_ms)

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        step = Step()
        if isinstance(entry, Frame):
            self.state["heard"] = str(entry.end_sample)
            gap = Gap(
                start_ms=(entry.end_sample - len(entry.pcm)) // 8,
                end_ms=entry.end_sample // 8,
                reason=GapReason.POISON,
                stage="vad",
            )
            step.events.append(Event(SPEECH, entry.end_sample // 8, gap))
        return self._finish(step, through_ms)

    def _hear(self, frame: Frame, step: Step) -> None:
        begin = frame.end_sample - len(frame.pcm)
        at_ms = frame.end_sample // 8
        if begin != self.number("heard"):
            step.events.append(
                Event(SPEECH, at_ms, Gap(start_ms=self.number("heard") // 8, end_ms=begin // 8, reason=GapReason.LOST))
            )
        self.state["heard"] = str(frame.end_sample)
        self.state["hash"] = chain(self.state.get("hash", ""), frame.pcm)
        while at_ms >= (start := self.number("segment") * SEGMENT_MS) + SEGMENT_MS:
            self.state["segment"] = str(self.number("segment") + 1)
            speech = Speech(self.state["hash"], 0, SpeechState.CLOSED, start, start + SEGMENT_MS)
            step.events.append(Event(SPEECH, at_ms, speech))

    def _finish(self, step: Step, through_ms: int) -> Step:
        step.audio_from = {0: self.number("heard")}
        step.through_ms = self.number("heard") // 8
        if through_ms == FOREVER:
            step.events.append(
                Event(
                    SPEECH,
                    step.through_ms + 1,
                    AudioEnded(end_ms=step.through_ms, reason=EndReason(self.number("reason"))),
                )
            )
            step.through_ms = FOREVER
        return step


class ToyEmbedding(_Toy):
    """Hashes the sound of every closed segment, read by time."""

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, Speech):
                body = entry.body
                sound = await self.audio.read(0, body.start_ms * 8, body.end_ms * 8)
                self.state["hash"] = chain(
                    self.state.get("hash", ""), np.round(sound * 32768).astype(int).tolist(), body.segment_id
                )
                self.state["from"] = str(body.end_ms * 8)
                voices = [LocalVoice([body.start_ms, body.end_ms], 10, self.state["hash"])]
                step.events.append(Event(VOICES, entry.position, VoiceWindow(0, body.start_ms, body.end_ms, voices)))
                if body.start_ms // SEGMENT_MS % 3 == 0:
                    overlap = Overlap(self.state["hash"], 0, body.start_ms, body.end_ms, 2)
                    step.events.append(Event(OVERLAPS, entry.position, overlap))
        step.audio_from = {0: self.number("from")}
        return step

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms, audio_from={0: self.number("from")})


async def no_model(sound: bytes) -> None:
    """The model of toys that have none: it always does well."""


class _WithModel(_Toy):
    """Asks a model before it says anything; what the model fails on becomes a gap with the reason."""

    stage: str
    stream: Stream[Any]

    def __init__(
        self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader, model: Model = no_model
    ) -> None:
        super().__init__(call, parts, audio)
        self._model = model

    async def failed(self, step: Step, at_ms: int, body: Overlap | Turn, sound: bytes) -> bool:
        try:
            await self._model(sound)
        except ModelFailed as error:
            gap = Gap(0, body.start_ms, body.end_ms, GapReason.POISON, self.stage, error.reason)
            step.events.append(Event(self.stream, at_ms, gap))
            return True
        return False


class ToySeparation(_WithModel):
    """Keeps the beginning of every overlap as the sound of a source, and a draft beside it until the next one."""

    stage, stream = "separation", SOURCES

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, Overlap):
                body = entry.body
                sound = await self.audio.read(0, body.start_ms * 8, (body.start_ms + SOURCE_MS) * 8)
                pcm = np.round(sound * 32767).astype("<i2").tobytes()
                self.state["hash"] = chain(self.state.get("hash", ""), pcm, body.overlap_id)
                self.state["from"] = str(body.end_ms * 8)
                if await self.failed(step, entry.position, body, pcm):
                    continue
                if "draft" in self.state:
                    step.sounds = {**step.sounds, self.state["draft"]: None}
                self.state["draft"] = f"draft of {self.state['hash']}"
                step.sounds = {**step.sounds, self.state["hash"]: pcm, self.state["draft"]: b"..."}
                source = Source(
                    self.state["hash"], body.start_ms, body.start_ms + SOURCE_MS, sounds_key(self.call.call_id)
                )
                separation = Separation(self.state["hash"], 0, body.start_ms, body.end_ms, sources=[source])
                step.events.append(Event(SOURCES, entry.position, separation))
        step.audio_from = {0: self.number("from")}
        return step

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms, audio_from={0: self.number("from")})


class ToyAsr(_WithModel):
    """One word a turn and a separation: the hash of everything so far, with the turn's or the source's sound."""

    stage, stream = "asr", WORDS

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, Turn):
                body = entry.body
                sound = await self.audio.read(0, body.start_ms * 8, body.end_ms * 8)
                self.state["hash"] = chain(
                    self.state.get("hash", ""), np.round(sound * 32768).astype(int).tolist(), body.turn_id
                )
                self.state["from"] = str(body.end_ms * 8)
                if await self.failed(step, entry.position, body, sound.tobytes()):
                    continue
                word = Word(self.state["hash"], body.start_ms, body.end_ms, 1.0)
                told = Transcript(self.state["hash"], 1, 0, body.start_ms, body.end_ms, True, words=[word])
                step.events.append(Event(WORDS, entry.position, told))
            elif isinstance(entry, Event) and isinstance(entry.body, Separated):
                for given in entry.body.sources:
                    source = await self.audio.read_source(given.source_id)
                    heard = None if source is None else np.round(source * 32768).astype(int).tolist()
                    self.state["hash"] = chain(self.state.get("hash", ""), heard)
                    word = Word(self.state["hash"], source_id=given.source_id)
                    told = Transcript(self.state["hash"], 1, 0, final=True, words=[word])
                    step.events.append(Event(WORDS, entry.position, told))
        step.audio_from = {0: self.number("from")}
        return step

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms, audio_from={0: self.number("from")})


class ToyClustering(_Toy):
    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event):
                self.state["hash"] = chain(self.state.get("hash", ""), entry.stream, entry.position, entry.body)
                if isinstance(entry.body, Degraded | Gap):
                    step.events.append(Event(TURNS, entry.position + SOURCES_DELAY_MS, entry.body))
                if isinstance(entry.body, Separation):
                    given = [SpeakerSource("S1", source.source_id) for source in entry.body.sources]
                    told = Separated(self.state["hash"], 1, sources=given)
                    step.events.append(Event(TURNS, entry.position + SOURCES_DELAY_MS, told))
                if isinstance(entry.body, VoiceWindow):
                    turn = Turn(self.state["hash"], 1, "S1", 0, entry.body.start_ms, entry.body.end_ms)
                    step.events.append(Event(TURNS, entry.position, turn))
        return step

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms)


class ToyAggregator(_Toy):
    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, AudioEnded):
                self.state["ended"] = entry.body.to_json()
            elif isinstance(entry, Event) and isinstance(entry.body, TimelineBody):
                self._tell(step, entry.position, entry.body)
        if through_ms == FOREVER:
            self.state["seq"] = str(self.number("seq") + 1)
            ended = AudioEnded.from_json(self.state["ended"])
            body = TimelineEvent(
                self.call.call_id, self.number("seq"), ended.end_ms, call_ended=CallEnded(ended.end_ms, ended.reason)
            )
            step.events.append(Event(TIMELINE, self.number("seq"), body))
        return step

    def _tell(self, step: Step, at_ms: int, body: TimelineBody) -> None:
        self.state["seq"] = str(self.number("seq") + 1)
        event = timeline_event(self.call.call_id, self.number("seq"), at_ms, body)
        step.events.append(Event(TIMELINE, self.number("seq"), event))

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        return Step(through_ms=through_ms)


class ToyStage:
    def __init__(self, kind: type[_Toy]) -> None:
        self._kind = kind

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> _Toy:
        return self._kind(call, parts, audio)


STAGES: dict[str, Stage] = {
    VAD.name: ToyStage(ToyVad),
    EMBEDDING.name: ToyStage(ToyEmbedding),
    SEPARATION.name: ToyStage(ToySeparation),
    CLUSTERING.name: ToyStage(ToyClustering),
    ASR.name: ToyStage(ToyAsr),
    AGGREGATOR.name: ToyStage(ToyAggregator),
}


def frame(call_number: int, number: int, size: int = 800) -> bytes:
    """Mu-law bytes that differ in every frame; never poison by accident."""
    return bytes([16 + (call_number * 31 + number) % 200]) + bytes(
        (call_number * 7 + number * 13 + at) % 251 for at in range(size - 1)
    )
