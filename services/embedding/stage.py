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
    """A window to analyse: `fresh_ms` is where the window before it ended."""

    channel: int
    end_ms: int
    fresh_ms: int


@dataclass(slots=True)
class ChannelState:
    """What is known of one channel: `open_ms` is the start of the segment that is open."""

    schedule: Schedule
    open_ms: int | None = None
    analysed_ms: int = 0
    skipped: int = 0


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
            case (
                v1.Gap()
                | v1.Silence()
                | v1.Clipping()
                | v1.Music()
                | v1.Dtmf()
                | v1.Idle()
                | v1.FormatDoubt()
                | v1.Absence()
            ):
                pass
            case _:
                assert_never(body)

    async def on_time(self, through_ms: int) -> None:
        self._advance(through_ms)

    async def on_end(self) -> None:
        self._advance(self._end_ms or 0, closed=True)

    async def work(self, through_ms: int) -> None:
        """All windows side by side, in the order of their ends."""
        for window, overlaps in await together(self._analyse(one) for one in self._taken()):
            self.publish(*self._events(window, overlaps))
        self._close(through_ms)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Every window that falls due becomes a gap; what was said of speech still counts."""
        await self.take([] if entry is None else [entry], through_ms)
        events: list[Event] = []
        for one in self._taken():
            gap = v1.Gap(one.channel, one.fresh_ms, one.end_ms, v1.GapReason.POISON, EMBEDDING.name, detail)
            events.append(Event(OVERLAPS, self._place(one.end_ms), gap))
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
        first_ms = max(0, min(self._promised_ms, through_ms) + 1 - WINDOW_MS)
        return dict.fromkeys(range(len(self._channels)), ms_to_samples(first_ms, self._call.sample_rate))

    def _take_speech(self, speech: v1.Speech, at_ms: int) -> None:
        state = self._channels[speech.channel]
        if state.open_ms is None:
            state.open_ms = max(speech.start_ms, (at_ms - 1) // self._step_ms * self._step_ms)
        if speech.state == v1.SpeechState.CLOSED:
            state.schedule.add_speech(state.open_ms, max(state.open_ms, speech.end_ms))
            state.schedule.speech = [span for span in state.schedule.speech if span[0] < speech.end_ms]
            state.open_ms = None

    def _advance(self, decided_ms: int, closed: bool = False) -> None:
        """The windows that are due when everything before was decided."""
        due = []
        for channel, state in enumerate(self._channels):
            if state.open_ms is not None:
                state.schedule.add_speech(state.open_ms, max(state.open_ms, decided_ms))
            for end_ms in state.schedule.due(decided_ms, closed):
                if not self._leave_out(state, end_ms, closed):
                    due.append(Due(channel, end_ms, state.analysed_ms))
                    state.analysed_ms = end_ms
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
        sound = await self._sound(due.channel, start_ms, due.end_ms)
        if await self._is_echo(due.channel, sound, start_ms, due.end_ms):
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

    async def _sound(self, channel: int, start_ms: int, end_ms: int) -> Float32s:
        rate = self._call.sample_rate
        return await self._audio.read(channel, ms_to_samples(start_ms, rate), ms_to_samples(end_ms, rate))

    async def _is_echo(self, channel: int, sound: Float32s, start_ms: int, end_ms: int) -> bool:
        """Whether what this channel carries is the sound of another one, and no voice of its own."""
        if len(self._channels) == 1 or self._call.channel_mode == v1.ChannelMode.SEPARATE:
            return False
        sounds = [
            sound if other == channel else await self._sound(other, start_ms, end_ms)
            for other in range(len(self._channels))
        ]
        return channel in silent_channels(sounds, self._call.sample_rate)

    def _events(self, window: v1.VoiceWindow, overlaps: Sequence[v1.Overlap]) -> list[Event]:
        at_ms = self._place(window.end_ms)
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
    return state
