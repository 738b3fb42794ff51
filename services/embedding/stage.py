"""Embedding as a stage: analyses the windows that are due.

    speech ──> Schedule of each channel ──due──> 5 s of sound ──> local voices ──> voiceprints ──> VoiceWindow, Overlap

Windows end at absolute grid points, so between two of them the stage can promise in advance that nothing follows: the
timeline never waits for a model without work.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from typing_extensions import assert_never

from speakerline.services.embedding.crosstalk import silent_channels
from speakerline.services.embedding.schedule import Schedule
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import EMBEDDING, OVERLAPS, VOICES
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.runtime.together import together
from speakerline.shared.voiceprints.local_voices import find_overlaps, find_voices
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, pad_window
from speakerline.shared.voiceprints.vectors import encode_vector

Scores = Callable[[Float32s], Awaitable[Float32s]]
"""The scores (293, 3) of one window of 80000 samples at 16 kHz."""

Voiceprint = Callable[[tuple[Float32s, Bools]], Awaitable[Float32s]]
"""The voiceprint of the masked frames of one window."""

WINDOW_MS = WINDOW_SAMPLES // 16
MIN_CLEAN_FRAMES = 12
"""0.2 s: a voice that is alone for less has no voiceprint."""
SHED_STEPS = 3
"""Under overload only every third grid point gets a window."""


@dataclass(frozen=True, slots=True)
class Due:
    """A window to analyse: `fresh_ms` is where the window before it ended.

    at_ms: where it is told, if not at its end. known_ms: where the sound of each absent channel ends; more of it may
    have come by now."""

    channel: int
    end_ms: int
    fresh_ms: int
    known_ms: tuple[int | None, ...]
    at_ms: int = 0


@dataclass(slots=True)
class ChannelState:
    """What is known of one channel: `open_ms` is the start of the segment that is open.

    known_ms: where its sound ends while it is absent. back_at_ms: where it is told what it brings late, from
    `back_from_ms` on."""

    schedule: Schedule
    open_ms: int | None = None
    analysed_ms: int = 0
    skipped: int = 0
    known_ms: int | None = None
    back_at_ms: int = -1
    back_from_ms: int = 0


class EmbeddingStage(Stage):
    """Makes an EmbeddingCall a call. `scores` and `voiceprint` gather the windows of all calls."""

    def __init__(self, scores: Scores, voiceprint: Voiceprint, step_ms: int = 1000) -> None:
        self._scores, self._voiceprint, self._step_ms = scores, voiceprint, step_ms

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "EmbeddingCall":
        return EmbeddingCall(call, audio, self._scores, self._voiceprint, self._step_ms, parts)


class EmbeddingCall(CallStage):
    """One call. Its state is small: the sound itself is read again by time."""

    spec = EMBEDDING

    def __init__(
        self,
        call: v1.CallStarted,
        audio: AudioReader,
        scores: Scores,
        voiceprint: Voiceprint,
        step_ms: int,
        parts: Mapping[str, bytes],
    ) -> None:
        super().__init__()
        self._call, self._audio, self._scores, self._voiceprint = call, audio, scores, voiceprint
        self._step_ms = step_ms
        self._due: list[Due] = []
        state = json.loads(parts.get("state", b"{}"))
        self._channels = [_channel_state(step_ms, stored) for stored in state.get("lines", [{}] * call.channels)]
        self._promised_ms: int = state.get("promised_ms", -1)
        self._overlaps: int = state.get("overlaps", 0)
        self._end_ms: int | None = state.get("end_ms")
        self._closing_ms: int = state.get("closing_ms", 0)
        """Where the last events are placed: the first grid point that no promise reaches, however entries were cut."""
        self.shed_level = state.get("shed", 0)
        self._shed_from_ms: int | None = state.get("shed_from_ms")

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if not isinstance(body, v1.SpeechBody):
            return
        match body:
            case v1.AudioEnded():
                self._end_ms = body.end_ms
                self._closing_ms = (max(body.end_ms, at_ms) // self._step_ms + 1) * self._step_ms
            case v1.Speech():
                self._take_speech(body, at_ms)
            case v1.Absence():
                self._note_absence(body, at_ms)
            case v1.Gap():
                state = self._channels[body.channel]
                if state.known_ms is not None:
                    state.known_ms = max(state.known_ms, body.end_ms)
            case v1.Silence() | v1.Clipping() | v1.Music() | v1.Dtmf() | v1.Idle():
                pass
            case v1.FormatDoubt() | v1.ChannelContent():
                pass
            case _:
                assert_never(body)

    async def on_time(self, through_ms: int) -> None:
        self._advance(through_ms)

    async def on_end(self) -> None:
        self._advance(self._end_ms or 0, closed=True)

    async def work(self, through_ms: int) -> None:
        """All windows side by side, in the order of their ends."""
        due = self._taken()
        analysed = await together(self._analyse(one) for one in due)
        for one, (window, overlaps) in zip(due, analysed, strict=True):
            self.publish(*self._events(one, window, overlaps))
        self._close(through_ms)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Every window that falls due becomes a gap; what was said of speech still counts."""
        await self.take([] if entry is None else [entry], through_ms)
        events: list[Event] = []
        for one in self._taken():
            gap = v1.Gap(one.channel, one.fresh_ms, one.end_ms, v1.GapReason.POISON, EMBEDDING.name, detail)
            events.append(Event(OVERLAPS, self._place(one.at_ms or one.end_ms), gap))
        if isinstance(entry, Event) and entry.body is None:
            at_ms = max(entry.position, self._promised_ms + 1)
            events.append(Event(OVERLAPS, at_ms, self.gap(entry, entry.position, detail)))
        self.publish(*sorted(events, key=lambda event: event.position))
        self._close(through_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        state = {
            "lines": [asdict(state) for state in self._channels],
            "promised_ms": self._promised_ms,
            "overlaps": self._overlaps,
            "end_ms": self._end_ms,
            "closing_ms": self._closing_ms,
            "shed": self.shed_level,
            "shed_from_ms": self._shed_from_ms,
        }
        return {"state": json.dumps(state).encode()}

    def promise(self, through_ms: int) -> int:
        quiet_ms = self._channels[0].schedule.quiet_until_ms(through_ms)  # the grid of every channel
        self._promised_ms = max(self._promised_ms, quiet_ms - 1)
        return self._promised_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        late = [state.back_from_ms for state in self._channels if state.back_at_ms > through_ms]
        known = [state.known_ms for state in self._channels if state.known_ms is not None]
        first_ms = max(0, min([self._promised_ms, through_ms, *late, *known]) + 1 - WINDOW_MS)
        return dict.fromkeys(range(len(self._channels)), ms_to_samples(first_ms, self._call.sample_rate))

    def _take_speech(self, speech: v1.Speech, at_ms: int) -> None:
        state = self._channels[speech.channel]
        if state.open_ms is None:
            decided_ms = speech.end_ms if at_ms == state.back_at_ms else at_ms
            state.open_ms = max(speech.start_ms, (decided_ms - 1) // self._step_ms * self._step_ms)
        if speech.state == v1.SpeechState.CLOSED:
            state.schedule.add_speech(state.open_ms, max(state.open_ms, speech.end_ms))
            state.schedule.speech = [span for span in state.schedule.speech if span[0] < speech.end_ms]
            state.open_ms = None

    def _note_absence(self, absence: v1.Absence, at_ms: int) -> None:
        """The last window of a channel that leaves ends with its sound, so that windows of what it may bring late
        follow it."""
        state = self._channels[absence.channel]
        if absence.over:
            known_ms = absence.start_ms if state.known_ms is None else state.known_ms
            state.known_ms, state.back_at_ms, state.back_from_ms = None, at_ms, known_ms
        else:
            for end_ms in state.schedule.due(absence.start_ms, closed=True):
                self._due.append(self._made(absence.channel, end_ms, at_ms))
            state.known_ms = absence.start_ms

    def _made(self, channel: int, end_ms: int, since_ms: int) -> Due:
        """A window that fell due when `since_ms` was reached: it is told at its end, or at the next point of the grid,
        which no promise has reached."""
        state, place_ms = self._channels[channel], -(-since_ms // self._step_ms) * self._step_ms
        known_ms = tuple(one.known_ms for one in self._channels)
        due = Due(channel, end_ms, state.analysed_ms, known_ms, place_ms if place_ms > end_ms else 0)
        state.analysed_ms = end_ms
        return due

    def _advance(self, decided_ms: int, closed: bool = False) -> None:
        """The windows that are due when everything before was decided."""
        due = []
        for channel, state in enumerate(self._channels):
            if decided_ms < state.back_at_ms and not closed:
                continue
            if state.open_ms is not None:
                state.schedule.add_speech(state.open_ms, max(state.open_ms, decided_ms))
            for end_ms in state.schedule.due(decided_ms, closed):
                if not self._leave_out(state, end_ms, closed):
                    due.append(self._made(channel, end_ms, state.back_at_ms))
        self._due += sorted(due, key=lambda one: (one.end_ms, one.channel))

    def _taken(self) -> list[Due]:
        due, self._due = self._due, []
        return due

    def _leave_out(self, state: ChannelState, end_ms: int, closed: bool) -> bool:
        """Whether overload takes this window."""
        if not self.shed_level or closed:
            state.skipped = 0
            return False
        state.skipped = (state.skipped + 1) % SHED_STEPS
        if state.skipped and self._shed_from_ms is None:
            self._shed_from_ms = end_ms - self._step_ms
        return bool(state.skipped)

    async def _analyse(self, due: Due) -> tuple[v1.VoiceWindow, list[v1.Overlap]]:
        start_ms = max(0, due.end_ms - WINDOW_MS)
        sound = await self._sound(due, due.channel, start_ms)
        if await self._is_echo(due, sound, start_ms):
            return v1.VoiceWindow(channel=due.channel, start_ms=start_ms, end_ms=due.end_ms), []
        window = pad_window(to_16khz(sound, self._call.sample_rate))
        voices = find_voices(await self._scores(window), start_ms, due.end_ms)
        clean = [voice.clean if voice.clean.sum() >= MIN_CLEAN_FRAMES else None for voice in voices]
        prints = iter(await together(self._voiceprint((window, mask)) for mask in clean if mask is not None))
        local = [
            v1.LocalVoice(
                spans_ms=voice.spans_ms,
                clean_ms=round(float(voice.clean.sum()) * WINDOW_MS / len(voice.clean)),
                voiceprint="" if mask is None else encode_vector(next(prints)),
            )
            for voice, mask in zip(voices, clean, strict=True)
        ]
        overlaps = find_overlaps(voices, due.channel, due.end_ms, due.fresh_ms, due.end_ms)
        return v1.VoiceWindow(channel=due.channel, start_ms=start_ms, end_ms=due.end_ms, voices=local), overlaps

    async def _sound(self, due: Due, channel: int, start_ms: int) -> Float32s:
        """The sound of any channel in the window, without what may have come of an absent one by now."""
        rate, known_ms = self._call.sample_rate, due.known_ms[channel]
        sound = await self._audio.read(channel, ms_to_samples(start_ms, rate), ms_to_samples(due.end_ms, rate))
        if known_ms is not None and known_ms < due.end_ms:
            sound = sound.copy()
            sound[ms_to_samples(max(0, known_ms - start_ms), rate) :] = 0
        return sound

    async def _is_echo(self, due: Due, sound: Float32s, start_ms: int) -> bool:
        """Whether what this channel carries is the sound of another one, and no voice of its own."""
        if len(self._channels) == 1 or self._call.channel_mode == v1.ChannelMode.SEPARATE:
            return False
        sounds = [
            sound if other == due.channel else await self._sound(due, other, start_ms)
            for other in range(len(self._channels))
        ]
        return due.channel in silent_channels(sounds, self._call.sample_rate)

    def _events(self, due: Due, window: v1.VoiceWindow, overlaps: Sequence[v1.Overlap]) -> list[Event]:
        at_ms = self._place(due.at_ms or due.end_ms)
        events = [Event(VOICES, at_ms, window)]
        for overlap in overlaps:
            self._overlaps += 1
            overlap.overlap_id = f"O{self._overlaps}"
            events.append(Event(OVERLAPS, at_ms, overlap))
        return events if self.shed_level else [*events, *self._left_out(at_ms, window.end_ms)]

    def _close(self, through_ms: int) -> None:
        """The empty window that ends a call."""
        if through_ms == FOREVER:
            end_ms, at_ms = self._end_ms or 0, self._place(self._closing_ms)
            self.publish(Event(VOICES, at_ms, v1.VoiceWindow(start_ms=end_ms, end_ms=end_ms)))
            self.publish(*self._left_out(at_ms, end_ms))

    def _left_out(self, at_ms: int, end_ms: int) -> list[Event]:
        """The `Degraded` span with fewer windows, if there was one."""
        if self._shed_from_ms is None:
            return []
        span = v1.Degraded(self._shed_from_ms, end_ms, EMBEDDING.name, f"every {SHED_STEPS}rd window only")
        self._shed_from_ms = None
        return [Event(OVERLAPS, at_ms, span)]

    def _place(self, end_ms: int) -> int:
        """The end of a window on the grid; a window that ends with the call, off the grid, comes last."""
        return max(end_ms if end_ms % self._step_ms == 0 else self._closing_ms, self._promised_ms + 1)


def _channel_state(step_ms: int, stored: Mapping[str, object]) -> ChannelState:
    if not stored:
        return ChannelState(Schedule(step_ms))
    state = ChannelState(Schedule(step_ms), stored["open_ms"], stored["analysed_ms"], stored["skipped"])  # type: ignore[arg-type]
    schedule = stored["schedule"]
    assert isinstance(schedule, dict)
    state.schedule.last_end_ms = schedule["last_end_ms"]
    state.schedule.speech = [(start, end) for start, end in schedule["speech"]]
    for name in ("known_ms", "back_at_ms", "back_from_ms"):
        setattr(state, name, stored.get(name, getattr(state, name)))
    return state
