"""Stages without a model that keep every rule of the runtime, and whose output shows any loss, repeat or reorder.

Each chains a hash over everything it has seen: one frame that is missing, doubled or late changes every later event.
Those that may leave something out under overload leave out nothing, but mark what they say meanwhile.
"""

import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
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
    SPEECH,
    TIMELINE,
    TURNS,
    VAD,
    VOICES,
    WORDS,
    Stream,
)
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, AudioReader, CallStage, Entry, Event, Frame, Stage
from speakerline.shared.timeline.parts import TimelineParts, read_snapshot
from speakerline.shared.timeline.timeline import Timeline

Model = Callable[[bytes], Awaitable[None]]
"""Raises ModelFailed."""

POISON = 1
"""First byte of a frame that makes ToyVad raise."""
FATAL = 2
"""First byte of a frame that kills the process."""
MARKED: Mapping[str, Stream[Any]] = {SEPARATION.name: SOURCES, EMBEDDING.name: OVERLAPS, ASR.name: WORDS}
"""Where each of them does that."""
SEGMENT_MS = 700
SOURCE_MS = 20
"""Of the sound of a source; little, because it stays in Redis with the call."""


def chain(before: str, *parts: object) -> str:
    return hashlib.blake2b(f"{before}{parts}".encode(), digest_size=6).hexdigest()


class _Toy(CallStage):
    """State is a dictionary of small texts."""

    def __init__(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> None:
        super().__init__()
        self.call, self.audio = call, audio
        self.state: dict[str, str] = json.loads(parts.get("state", b"{}"))

    def snapshot(self) -> Mapping[str, bytes]:
        return {"state": json.dumps(self.state).encode()}

    def number(self, name: str) -> int:
        return int(self.state.get(name, "0"))

    async def work(self, through_ms: int) -> None:
        told = [event for event in self._out.events if event.stream == MARKED.get(self.spec.name)]
        if self.shed_level and told:
            at_ms = told[-1].position
            mark = Degraded(told[0].position - 1, at_ms, self.spec.name, "marked only")
            self.publish(Event(told[-1].stream, at_ms, mark))

    def chain(self, *parts: object) -> str:
        """The hash of everything so far."""
        self.state["hash"] = chain(self.state.get("hash", ""), *parts)
        return self.state["hash"]

    async def sound(self, start_ms: int, end_ms: int) -> bytes:
        """What is heard there, as 16-bit samples; nothing before is needed any more."""
        self.state["from"] = str(end_ms * 8)
        sound = await self.audio.read(0, start_ms * 8, end_ms * 8)
        return np.rint(sound * 32768).astype("<i2").tobytes()

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        return {0: self.number("from")} if self.spec.reads_audio else {}


class ToyVad(_Toy):
    """One segment every 700 ms of sound; its id carries the hash of all frames so far."""

    spec = VAD

    async def on_frame(self, frame: Frame) -> None:
        if frame.pcm[:1] == bytes([POISON]):
            raise ValueError("poison frame")
        if frame.pcm[:1] == bytes([FATAL]):
            os._exit(137)
        begin, at_ms = frame.end_sample - len(frame.pcm), frame.end_sample // 8
        begins_at = at_ms if begin != self.number("from") else self.number("from") // 8 + 1
        if begin != self.number("from"):
            gap = Gap(start_ms=self.number("from") // 8, end_ms=begin // 8, reason=GapReason.LOST)
            self.publish(Event(SPEECH, at_ms, gap))
        self.state["from"] = str(frame.end_sample)
        self.chain(frame.pcm)
        while at_ms >= (start := self.number("segment") * SEGMENT_MS) + SEGMENT_MS:
            self.state["segment"] = str(self.number("segment") + 1)
            speech = Speech(self.state["hash"], 0, SpeechState.CLOSED, start, start + SEGMENT_MS)
            self.publish(Event(SPEECH, max(start + SEGMENT_MS, begins_at), speech))

    async def on_closed(self, closed: AudioClosed) -> None:
        self.state["reason"] = str(int(closed.reason))

    async def on_end(self) -> None:
        end_ms = self.number("from") // 8
        ended = AudioEnded(end_ms=end_ms, reason=EndReason(self.number("reason")))
        self.publish(Event(SPEECH, end_ms + 1, ended))

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        start_ms = end_ms = self.number("from") // 8
        if isinstance(entry, Frame):
            self.state["from"] = str(entry.end_sample)
            start_ms, end_ms = (entry.end_sample - len(entry.pcm)) // 8, entry.end_sample // 8
        gap = Gap(0, start_ms, end_ms, GapReason.POISON, "vad", detail)
        self.publish(Event(SPEECH, end_ms + (end_ms == start_ms), gap))
        if through_ms == FOREVER:
            await self.on_end()

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        return self.number("from") // 8


class ToyEmbedding(_Toy):
    """Hashes the sound of every closed segment, read by time."""

    spec = EMBEDDING

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if isinstance(body, Speech):
            told = self.chain(await self.sound(body.start_ms, body.end_ms), body.segment_id)
            voices = [LocalVoice([body.start_ms, body.end_ms], 10, told)]
            self.publish(Event(VOICES, at_ms, VoiceWindow(0, body.start_ms, body.end_ms, voices)))
            if body.start_ms // SEGMENT_MS % 3 == 0:
                self.publish(Event(OVERLAPS, at_ms, Overlap(told, 0, body.start_ms, body.end_ms, 2)))


async def no_model(sound: bytes) -> None:
    """The model of toys that have none: it always does well."""


class _WithModel(_Toy):
    """Asks a model before it says anything; what the model fails on becomes a gap with the reason."""

    def __init__(
        self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader, model: Model = no_model
    ) -> None:
        super().__init__(call, parts, audio)
        self._model = model

    async def failed(self, at_ms: int, body: Overlap | Speech, sound: bytes) -> bool:
        try:
            await self._model(sound)
        except ModelFailed as error:
            gap = Gap(0, body.start_ms, body.end_ms, GapReason.POISON, self.spec.name, error.reason)
            self.publish(Event(self.spec.outputs[0], at_ms, gap))
            return True
        return False


class ToySeparation(_WithModel):
    """Keeps the beginning of every overlap as the sound of a source, and a draft beside it until the next one."""

    spec = SEPARATION

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if not isinstance(body, Overlap):
            return
        pcm = await self.sound(body.start_ms, body.start_ms + SOURCE_MS)
        told = self.chain(pcm, body.overlap_id)
        self.state["from"] = str(body.end_ms * 8)
        if await self.failed(at_ms, body, pcm):
            return
        if "draft" in self.state:
            self.keep({self.state["draft"]: None})
        self.state["draft"] = f"draft of {told}"
        self.keep({told: pcm, self.state["draft"]: b"..."})
        source = Source(told, body.start_ms, body.start_ms + SOURCE_MS, sounds_key(self.call.call_id))
        self.publish(Event(SOURCES, at_ms, Separation(told, 0, body.start_ms, body.end_ms, sources=[source])))


class ToyAsr(_WithModel):
    """One word a segment and a source: the hash of everything so far, with the segment's or the source's sound."""

    spec = ASR

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if isinstance(body, Speech):
            sound = await self.sound(body.start_ms, body.end_ms)
            word = Word(self.chain(sound, body.segment_id), body.start_ms, body.end_ms, 1.0)
            if not await self.failed(at_ms, body, np.frombuffer(sound, "<i2").astype(np.float32).tobytes()):
                told = Transcript(word.text, 1, 0, body.start_ms, body.end_ms, True, words=[word])
                self.publish(Event(WORDS, at_ms, told))
        elif isinstance(body, Separation):
            for given in body.sources:
                source = await self.audio.read_source(given.source_id)
                heard = None if source is None else np.round(source * 32768).astype(int).tolist()
                word = Word(self.chain(heard), source_id=given.source_id)
                self.publish(Event(WORDS, at_ms, Transcript(word.text, 1, 0, final=True, words=[word])))


class ToyClustering(_Toy):
    spec = CLUSTERING

    async def on_event(self, event: Event, at_ms: int) -> None:
        body, told = event.body, self.chain(event.stream, event.position, event.body)
        if isinstance(body, Degraded | Gap) and event.stream != SPEECH:
            self.publish(Event(TURNS, at_ms, body))
        if isinstance(body, Separation):
            given = [SpeakerSource("S1", source.source_id) for source in body.sources]
            self.publish(Event(TURNS, at_ms, Separated(told, 1, sources=given)))
        if isinstance(body, VoiceWindow):
            self.publish(Event(TURNS, at_ms, Turn(told, 1, "S1", 0, body.start_ms, body.end_ms)))


class ToyAggregator(_Toy):
    """Keeps the timeline for who joins late, as the product does."""

    spec = AGGREGATOR

    def __init__(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> None:
        super().__init__(call, parts, audio)
        snapshot = read_snapshot(parts)
        self._timeline = Timeline.from_snapshot(snapshot) if snapshot.seq else Timeline(call.call_id)
        self._parts = TimelineParts(parts)

    def snapshot(self) -> Mapping[str, bytes]:
        return {**super().snapshot(), **self._parts.write(self._timeline)}

    async def on_event(self, event: Event, at_ms: int) -> None:
        if isinstance(event.body, AudioEnded):
            self.state["ended"] = event.body.to_json()
        elif isinstance(event.body, TimelineBody):
            self._tell(event.position, event.body)

    async def on_end(self) -> None:
        ended = AudioEnded.from_json(self.state.get("ended", "{}"))
        self._tell(ended.end_ms, CallEnded(ended.end_ms, ended.reason))

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        event = entry if isinstance(entry, Event) else None
        at_ms = event.position if event else 0
        self._tell(at_ms, self.gap(event, at_ms, detail))

    def _tell(self, at_ms: int, body: TimelineBody) -> None:
        event = timeline_event(self.call.call_id, self._timeline.seq + 1, at_ms, body)
        self._timeline.apply(event)
        self._parts.note(event, self._timeline)
        self.publish(Event(TIMELINE, event.seq, event))


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


_RAMP = bytes(range(251)) * 5


def frame(call_number: int, number: int, size: int = 800) -> bytes:
    """Mu-law bytes that differ in every frame; never poison by accident."""
    start = (call_number * 7 + number * 13) % 251
    return bytes([16 + (call_number * 31 + number) % 200]) + _RAMP[start : start + size - 1]
