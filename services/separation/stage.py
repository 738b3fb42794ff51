"""Separation as a stage: which regions are due, and what became of each.

    overlaps ──> Regions ──due──> sound by time ──> model in a child process ──> voices ──> voiceprints ──> Separation

Where nothing overlaps there is nothing to do: no sound is read, and the model is not even loaded. An event lies at the
grid point at which its region fell due, so everything up to the latest overlaps can be promised at once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from typing_extensions import assert_never

from speakerline.services.separation.breaker import Breaker
from speakerline.services.separation.known_sound import KnownSound, as_known
from speakerline.services.separation.lifting import SeparatedVoice, lift
from speakerline.services.separation.regions import Region, Regions
from speakerline.services.separation.separator import Mixture
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.pcm import encode, ms_to_samples, to_int16
from speakerline.shared.contract import v1
from speakerline.shared.keys import sounds_key
from speakerline.shared.pipeline import SEPARATION, SEPARATION_BEFORE_MS, SOURCES
from speakerline.shared.runtime.isolation import LOSSES, ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.runtime.together import together
from speakerline.shared.voiceprints.vectors import encode_vector

Separate = Callable[[Mixture], Awaitable[Float32s]]
"""The voices (voices, n) of a mixture, at its rate. Raises ModelFailed."""

Voiceprint = Callable[[tuple[Float32s, Bools]], Awaitable[Float32s]]
"""The voiceprint of the masked frames of 5 s at 16 kHz."""

KEPT_MS = 300_000
"""How long the sound of a source is kept for later readers, in audio."""
LOOK_BACK_MS = 5_000
"""How long before the grid point at which it is published an overlap may begin: the window of the segmentation."""
SHED = "overlap not separated"
LOST_TWICE = "not tried, because the model was lost twice in a row"
MOST_LINES = 2
"""The channels of a telephone call; more may be microphones of one room."""


@dataclass(frozen=True, slots=True)
class Separator:
    """What separates, under its name; `run` and `voiceprint` gather what all calls ask for."""

    name: str
    run: Separate
    voiceprint: Voiceprint


@dataclass(frozen=True, slots=True)
class _Due:
    """A region that fell due, and where the sound of absent channels ended then."""

    region: Region
    name: str
    ends_ms: Mapping[int, int]


@dataclass(slots=True)
class _Answer:
    """What became of a region."""

    events: list[Event]
    sounds: dict[str, bytes] = field(default_factory=dict)


class SeparationStage(Stage):
    """Makes a SeparationCall a call."""

    def __init__(self, separator: Separator | None, step_ms: int = 1000) -> None:
        """separator: None = off. step_ms: the grid of the embedding stage."""
        self._separator, self._step_ms = separator, step_ms

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "SeparationCall":
        return SeparationCall(call, audio, self._separator, self._step_ms, parts)


class SeparationCall(CallStage):
    """One call. Its state is small: the sound itself is read again by time."""

    spec = SEPARATION

    def __init__(
        self,
        call: v1.CallStarted,
        audio: AudioReader,
        separator: Separator | None,
        step_ms: int,
        parts: Mapping[str, bytes],
    ) -> None:
        super().__init__()
        self._call, self._audio, self._separator = call, audio, separator
        state = json.loads(parts.get("state", b"{}"))
        self._regions = Regions(step_ms, [Region(**stored) for stored in state.get("waiting", [])])
        self._known = KnownSound.load(state.get("known", {}))
        self._due: list[_Due] = []
        self._number: int = state.get("number", 0)
        self._kept: list[tuple[str, int]] = [(name, end_ms) for name, end_ms in state.get("kept", [])]
        """Sources whose sound is kept, and where it ends, in order."""
        self._breaker = Breaker(**state.get("breaker", {}))

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if not isinstance(body, v1.OverlapBody):
            return
        match body:
            case v1.Overlap():
                self._regions.take(body.overlap_id, body.channel, body.start_ms, body.end_ms, body.voices, at_ms)
            case v1.Absence():
                self._known.take(body, at_ms)
            case v1.Gap() | v1.Degraded():
                pass
            case _:
                assert_never(body)

    async def on_time(self, through_ms: int) -> None:
        for region in self._regions.due(through_ms):
            self._number += 1
            self._due.append(_Due(region, f"X{self._number}", dict(self._known.ends_ms)))
        self._known.pass_by(through_ms)

    async def work(self, through_ms: int) -> None:
        turn = asyncio.Lock()
        due = self._taken()
        answers = await together(self._separate(one, turn) for one in due)
        for one, answer in zip(due, answers, strict=True):
            self.publish(*answer.events)
            self.keep(answer.sounds)
            self._kept += [(name, one.region.end_ms) for name in answer.sounds]
        if through_ms != FOREVER:
            self.keep(dict.fromkeys((name for name, end_ms in self._kept if end_ms < through_ms - KEPT_MS), None))
            self._kept = [(name, end_ms) for name, end_ms in self._kept if end_ms >= through_ms - KEPT_MS]

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Every region that falls due becomes a gap; a skipped overlap still counts."""
        await self.take([] if entry is None else [entry], through_ms)
        events: list[Event] = []
        for one in self._taken():
            region, name = one.region, one.name
            gap = v1.Gap(region.channel, region.start_ms, region.end_ms, v1.GapReason.POISON, SEPARATION.name, detail)
            failed = self._event(region, name, v1.SeparationOutcome.FAILED, detail)
            events += [Event(SOURCES, region.due_ms, gap), failed]
        if isinstance(entry, Event) and not isinstance(entry.body, v1.Overlap):
            events.append(Event(SOURCES, entry.position, self.gap(entry, entry.position, detail)))
        self.publish(*sorted(events, key=lambda event: event.position))

    def snapshot(self) -> Mapping[str, bytes]:
        state = {
            "waiting": [asdict(region) for region in self._regions.waiting],
            "number": self._number,
            "kept": self._kept,
            "breaker": asdict(self._breaker),
            "known": self._known.dump(),
        }
        return {"state": json.dumps(state, separators=(",", ":")).encode()}

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        first_ms = min(
            [self._known.needed_ms(through_ms) - LOOK_BACK_MS, *(one.start_ms for one in self._regions.waiting)]
        )
        needed = ms_to_samples(max(0, first_ms - SEPARATION_BEFORE_MS), self._call.sample_rate)
        return dict.fromkeys(range(self._call.channels), needed)

    def _taken(self) -> list[_Due]:
        due, self._due = self._due, []
        return due

    async def _separate(self, due: _Due, turn: asyncio.Lock) -> _Answer:
        region, name, separator = due.region, due.name, self._separator
        if separator is None:
            return self._without(region, name, v1.SeparationOutcome.OFF, "no separation is configured")
        if region.too_short:
            return self._without(region, name, v1.SeparationOutcome.ONE_VOICE, "too short to separate")
        if self.shed_level:
            mark = v1.Degraded(region.start_ms, region.end_ms, SEPARATION.name, SHED)
            shed = self._event(region, name, v1.SeparationOutcome.SHED, "skipped because of overload")
            return _Answer([Event(SOURCES, region.due_ms, mark), shed])
        async with turn:  # one after the other, so that what becomes of one decides whether the next is tried
            if self._breaker.rests(region.due_ms):
                return self._without(region, name, v1.SeparationOutcome.FAILED, LOST_TWICE)
            try:
                voices = await self._lift(due, separator)
            except ModelFailed as error:
                if error.reason in LOSSES:
                    self._breaker.lost(region.due_ms)
                return self._without(region, name, v1.SeparationOutcome.FAILED, str(error))
            self._breaker.answered()
        if len(voices) < 2:
            return self._without(region, name, v1.SeparationOutcome.ONE_VOICE, "all outputs but one were empty")
        return await self._sources(region, name, voices, separator)

    async def _lift(self, due: _Due, separator: Separator) -> list[SeparatedVoice]:
        region, rate = due.region, self._call.sample_rate
        begin, end = (ms_to_samples(ms, rate) for ms in region.sound_ms)
        count = self._call.channels
        channels_read = range(count) if count > MOST_LINES else (region.channel,)
        sounds = [
            as_known(await self._audio.read(channel, begin, end), begin, due.ends_ms.get(channel), rate)
            for channel in channels_read
        ]
        mixture = sounds[channels_read.index(region.channel)]
        channels = np.stack(sounds) if count > MOST_LINES else None
        outputs = await separator.run(Mixture(mixture, rate, region.voices, channels))
        voices = lift(region, mixture, outputs, rate)
        return voices[: max(2, region.voices)]

    async def _sources(
        self, region: Region, name: str, voices: Sequence[SeparatedVoice], separator: Separator
    ) -> _Answer:
        pieces = [voice.piece for voice in voices]
        prints = iter(await together(separator.voiceprint(piece) for piece in pieces if piece is not None))
        sources = [
            v1.Source(
                source_id=f"{name}.{number}",
                start_ms=voice.start_ms,
                end_ms=voice.end_ms,
                sound_key=sounds_key(self._call.call_id),
                voiceprint="" if voice.piece is None else encode_vector(next(prints)),
                improvement_db=voice.improvement_db,
                spans_ms=voice.spans_ms,
            )
            for number, voice in enumerate(voices, 1)
        ]
        detail = "" if region.voices <= len(voices) else f"{region.voices} voices, the dominant {len(voices)} separated"
        event = self._event(region, name, v1.SeparationOutcome.SEPARATED, detail, sources)
        sounds = {
            source.source_id: encode(to_int16(voice.samples), v1.Encoding.S16LE)
            for source, voice in zip(sources, voices, strict=True)
        }
        return _Answer([event], sounds)

    def _without(self, region: Region, name: str, outcome: v1.SeparationOutcome, detail: str) -> _Answer:
        return _Answer([self._event(region, name, outcome, detail)])

    def _event(
        self, region: Region, name: str, outcome: v1.SeparationOutcome, detail: str, sources: Sequence[v1.Source] = ()
    ) -> Event:
        body = v1.Separation(
            separation_id=name,
            channel=region.channel,
            start_ms=region.start_ms,
            end_ms=region.end_ms,
            overlap_ids=region.overlap_ids,
            voices=region.voices,
            outcome=outcome,
            sources=list(sources),
            model=self._separator.name if self._separator else "",
            detail=detail,
        )
        return Event(SOURCES, region.due_ms, body)
