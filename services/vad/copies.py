"""Speech of a channel that only copies another is no speech: put behind the VAD of a call with several channels.

    VadCall ──events──> tracked, block by block of 512 ms ──> told, or left out where the channel is a copy
                             │                                  ^
                             └──sound of all channels──> survey ┘

    own ────two blocks that are copied────> copy      the open segment is taken back: it ends where it began
    copy ───two blocks of its own─────────> own       the segment that is open begins with them

A channel without a voice is told, too, once others have spoken for a while, and again when it speaks after all.
Verdicts stand at the ends of blocks, so they depend on the sound alone. A call with CHANNEL_MODE_SEPARATE is left as
it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.audio.survey import BLOCK_MS, ChannelSurvey, Heard, Side
from speakerline.shared.contract.v1 import (
    Absence,
    AudioEnded,
    CallStarted,
    ChannelContent,
    Content,
    Speech,
    SpeechState,
)
from speakerline.shared.pipeline import SPEECH, VAD
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Step

ENOUGH_OWN = 2
NO_VOICE_MS = 20_000
"""So long others must have spoken before a channel is told to have no voice."""


@dataclass(slots=True)
class Line:
    """One channel. segment_id, start_ms: of the segment that is open, as the VAD tells it, if any; told: whether it was
    published. own: blocks of its own in a row while it is a copy, the first of them from `own_from_ms`. copy_of: -1 =
    it is none. spoken_ms: how long somebody has spoken; silent: whether it was told that nobody has. known_ms: where
    its sound ends while it is absent; -1 = it is not."""

    segment_id: str = ""
    start_ms: int = 0
    told: bool = False
    copy_of: int = -1
    own: int = 0
    own_from_ms: int = 0
    spoken_ms: int = 0
    silent: bool = False
    known_ms: int = -1


@dataclass(slots=True)
class _State:
    lines: list[Line]
    sides: list[Side]
    judged_ms: int = 0


_STATE = TypeAdapter(_State)
_PART = "copies"


class WithoutCopies(CallStage):
    """One call; `one` is its VAD."""

    spec = VAD

    def __init__(self, one: CallStage, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> None:
        super().__init__()
        self._one, self._audio, self._rate = one, audio, call.sample_rate
        if _PART in parts:
            self._state = _STATE.validate_json(parts[_PART])
        else:
            self._state = _State([Line() for _ in range(call.channels)], ChannelSurvey(call.channels, self._rate).sides)
        self._survey = ChannelSurvey(call.channels, self._rate, self._state.sides)

    async def push(self, entries: Sequence[Entry], through_ms: int, quiet_ms: int = -1) -> Step:
        return await self._judged(await self._one.push(entries, through_ms, quiet_ms))

    async def skip(self, entry: Entry | None, through_ms: int, detail: str, quiet_ms: int = -1) -> Step:
        return await self._judged(await self._one.skip(entry, through_ms, detail, quiet_ms))

    def snapshot(self) -> Mapping[str, bytes]:
        return {**self._one.snapshot(), _PART: _STATE.dump_json(self._state)}

    def shed(self, level: int, behind_s: float = 0.0) -> None:
        self._one.shed(level, behind_s)

    async def _judged(self, step: Step) -> Step:
        """The step, without speech of copies; sound is kept from the block that is judged next."""
        ended = next((event.position for event in step.events if isinstance(event.body, AudioEnded)), None)
        through_ms = step.through_ms if ended is None else ended - 1
        told: list[Event] = []
        for event in step.events:
            told += await self._blocks(min(event.position - 1, through_ms))
            told += self._passed(event)
        told += [] if through_ms >= FOREVER else await self._blocks(through_ms)
        step.events = sorted(told, key=lambda one: one.position)
        first = ms_to_samples(self._state.judged_ms, self._rate)
        step.audio_from = {channel: min(first, sample) for channel, sample in step.audio_from.items()}
        return step

    async def _blocks(self, through_ms: int) -> list[Event]:
        """Verdicts of the blocks that end at or before this position."""
        told: list[Event] = []
        while self._state.judged_ms + BLOCK_MS <= through_ms:
            start_ms, end_ms = self._state.judged_ms, self._state.judged_ms + BLOCK_MS
            self._state.judged_ms = end_ms
            spoken_ms = [end_ms - max(start_ms, line.start_ms) if line.segment_id else 0 for line in self._state.lines]
            for line, spoken in zip(self._state.lines, spoken_ms, strict=True):
                line.spoken_ms += max(0, spoken)
            voiced = [spoken >= BLOCK_MS // 2 for spoken in spoken_ms]
            if any(voiced):
                told += self._verdicts(self._survey.push(await self._sound(start_ms, end_ms), voiced), end_ms)
        return told

    async def _sound(self, start_ms: int, end_ms: int) -> Float32s:
        start, end = (ms_to_samples(at_ms, self._rate) for at_ms in (start_ms, end_ms))
        sounds = np.stack([await self._audio.read(number, start, end) for number in range(len(self._state.lines))])
        for sound, line in zip(sounds, self._state.lines, strict=True):
            if line.known_ms >= 0:  # more may have come by now
                sound[max(0, ms_to_samples(line.known_ms, self._rate) - start) :] = 0
        return sounds

    def _verdicts(self, heard: Sequence[Heard], end_ms: int) -> list[Event]:
        told: list[Event] = []
        for number, line in enumerate(self._state.lines):
            if line.copy_of < 0:
                copy = self._survey.copy_of(number)
                if copy is not None and self._state.lines[copy.of].copy_of < 0:
                    told += self._becomes_a_copy(number, copy.of, str(copy), end_ms)
            elif heard[number] is Heard.OWN:
                line.own += 1
                line.own_from_ms = end_ms - BLOCK_MS if line.own == 1 else line.own_from_ms
                if line.own == ENOUGH_OWN:
                    told += self._becomes_its_own(number, end_ms)
            elif heard[number] is Heard.COPIED:
                line.own = 0
        spoken_ms = [line.spoken_ms for line in self._state.lines]
        for number, line in enumerate(self._state.lines):
            if line.spoken_ms == 0 and max(spoken_ms) >= NO_VOICE_MS and not line.silent:
                line.silent = True
                detail = f"no voice, though channel {spoken_ms.index(max(spoken_ms)) + 1} has spoken for a while"
                told.append(_content(number, 0, end_ms, Content.NO_VOICE, detail))
            elif line.silent and line.spoken_ms:
                line.silent = False
                told.append(_content(number, end_ms - BLOCK_MS, end_ms, Content.OWN, "a voice after all"))
        return told

    def _becomes_a_copy(self, number: int, of: int, detail: str, end_ms: int) -> list[Event]:
        line = self._state.lines[number]
        line.copy_of, line.own = of, 0
        told = [_content(number, end_ms, end_ms, Content.COPY, detail, of)]
        if line.told:
            closed = Speech(line.segment_id, number, SpeechState.CLOSED, line.start_ms, line.start_ms)
            told.append(Event(SPEECH, end_ms, closed))
        line.told = False
        return told

    def _becomes_its_own(self, number: int, end_ms: int) -> list[Event]:
        line = self._state.lines[number]
        line.copy_of, line.own = -1, 0
        self._survey.forget_copies(number)
        told = [_content(number, line.own_from_ms, end_ms, Content.OWN, "a voice of its own after all")]
        if line.segment_id:
            line.start_ms, line.told = max(line.start_ms, line.own_from_ms), True
            opened = Speech(line.segment_id, number, SpeechState.OPENED, line.start_ms, end_ms)
            told.append(Event(SPEECH, end_ms, opened))
        return told

    def _passed(self, event: Event) -> list[Event]:
        """The event, if it is told."""
        if isinstance(event.body, Absence):
            self._state.lines[event.body.channel].known_ms = -1 if event.body.over else event.body.start_ms
        if not isinstance(event.body, Speech):
            return [event]
        line, speech = self._state.lines[event.body.channel], event.body
        if speech.state == SpeechState.OPENED:
            line.segment_id, line.start_ms, line.told = speech.segment_id, speech.start_ms, line.copy_of < 0
            return [event] if line.told else []
        told, start_ms = line.told, min(max(speech.start_ms, line.start_ms), speech.end_ms)
        if speech.state == SpeechState.CLOSED:
            line.segment_id, line.told = "", False
        return [Event(SPEECH, event.position, replace(speech, start_ms=start_ms))] if told else []


def _content(channel: int, start_ms: int, end_ms: int, content: Content, detail: str, of: int = 0) -> Event:
    return Event(SPEECH, end_ms, ChannelContent(channel, start_ms, end_ms, content, of, detail))
