"""Embedding as a stage: analyses the windows that are due.

    speech ──> WindowPlan ──due──> Analysis: 5 s of sound ──> local voices ──> voiceprints ──> VoiceWindow, Overlap

Windows end at absolute grid points, so between two of them the stage can promise in advance that nothing follows: the
timeline never waits for a model without work.
"""

import json
from collections.abc import Mapping, Sequence

from typing_extensions import assert_never

from speakerline.services.embedding.analysis import Analysis, Scores, Voiceprint
from speakerline.services.embedding.plan import SHED_STEPS, Due, WindowPlan
from speakerline.services.embedding.prints import WINDOW_MS, Prints
from speakerline.shared.audio.pcm import ms_to_samples
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import EMBEDDING, OVERLAPS, VOICES
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage


class EmbeddingStage(Stage):
    """Makes an EmbeddingCall a call. `scores` and `voiceprint` gather the windows of all calls."""

    def __init__(self, scores: Scores, voiceprint: Voiceprint, step_ms: int = 1000) -> None:
        self._scores, self._voiceprint, self._step_ms = scores, voiceprint, step_ms

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "EmbeddingCall":
        prints = Prints(json.loads(parts.get("prints", b"{}")))
        return EmbeddingCall(call, Analysis(call, audio, self._scores, self._voiceprint, prints), self._step_ms, parts)


class EmbeddingCall(CallStage):
    """One call. Its state is small: the sound itself is read again by time."""

    spec = EMBEDDING

    def __init__(self, call: v1.CallStarted, analysis: Analysis, step_ms: int, parts: Mapping[str, bytes]) -> None:
        super().__init__()
        self._call, self._analysis, self._step_ms = call, analysis, step_ms
        self.tick_ms = step_ms
        state = json.loads(parts.get("state", b"{}"))
        self._plan = WindowPlan(step_ms, state.get("lines", [{}] * call.channels), state.get("shed_from_ms"))
        self._promised_ms: int = state.get("promised_ms", -1)
        self._overlaps: int = state.get("overlaps", 0)
        self._absences: list[Event] = []
        """Those of this step, to be told to separation."""
        self._end_ms: int | None = state.get("end_ms")
        self._closing_ms: int = state.get("closing_ms", 0)
        """Where the last events are placed: the first grid point that no promise reaches, however entries were cut."""
        self.shed_level = state.get("shed", 0)

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        if not isinstance(body, v1.SpeechBody):
            return
        match body:
            case v1.AudioEnded():
                self._end_ms = body.end_ms
                self._closing_ms = (max(body.end_ms, at_ms) // self._step_ms + 1) * self._step_ms
            case v1.Speech():
                self._plan.take_speech(body, at_ms)
            case v1.Absence():
                self._plan.note_absence(body, at_ms)
                self._absences.append(Event(OVERLAPS, self._plan.tick(at_ms), body))
            case v1.Gap():
                self._plan.note_gap(body)
            case v1.Silence() | v1.Clipping() | v1.Music() | v1.Dtmf() | v1.Idle():
                pass
            case v1.FormatDoubt() | v1.ChannelContent():
                pass
            case _:
                assert_never(body)

    async def on_time(self, through_ms: int) -> None:
        self._plan.advance(through_ms, bool(self.shed_level))

    async def on_end(self) -> None:
        self._plan.advance(self._end_ms or 0, bool(self.shed_level), closed=True)

    async def work(self, through_ms: int) -> None:
        """All windows side by side, in the order of their ends."""
        due = self._plan.taken()
        analysed = await self._analysis.windows(due)
        for one, (window, overlaps) in zip(due, analysed, strict=True):
            self._tell_absences(self._place(one.at_ms or one.end_ms))
            self.publish(*self._events(one, window, overlaps))
        self._tell_absences(FOREVER)
        self._close(through_ms)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """Every window that falls due becomes a gap; what was said of speech still counts."""
        await self.take([] if entry is None else [entry], through_ms)
        events: list[Event] = []
        for one in self._plan.taken():
            gap = v1.Gap(one.channel, one.fresh_ms, one.end_ms, v1.GapReason.POISON, EMBEDDING.name, detail)
            events.append(Event(OVERLAPS, self._place(one.at_ms or one.end_ms), gap))
        if isinstance(entry, Event) and entry.body is None:
            at_ms = max(entry.position, self._promised_ms + 1)
            events.append(Event(OVERLAPS, at_ms, self.gap(entry, entry.position, detail)))
        events, self._absences = [*self._absences, *events], []
        self.publish(*sorted(events, key=lambda event: event.position))
        self._close(through_ms)

    def snapshot(self) -> Mapping[str, bytes]:
        state = {
            "lines": self._plan.dump(),
            "promised_ms": self._promised_ms,
            "overlaps": self._overlaps,
            "end_ms": self._end_ms,
            "closing_ms": self._closing_ms,
            "shed": self.shed_level,
            "shed_from_ms": self._plan.shed_from_ms,
        }
        return {"state": json.dumps(state).encode(), "prints": json.dumps(self._analysis.prints.dump()).encode()}

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        self._promised_ms = max(self._promised_ms, self._plan.quiet_until_ms(through_ms) - 1)
        return self._promised_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        first_ms = max(0, min(self._promised_ms, self._plan.sound_from_ms(through_ms)) + 1 - WINDOW_MS)
        return dict.fromkeys(range(self._call.channels), ms_to_samples(first_ms, self._call.sample_rate))

    def _events(self, due: Due, window: v1.VoiceWindow, overlaps: Sequence[v1.Overlap]) -> list[Event]:
        at_ms = self._place(due.at_ms or due.end_ms)
        events = [Event(VOICES, at_ms, window)]
        for overlap in overlaps:
            self._overlaps += 1
            overlap.overlap_id = f"O{self._overlaps}"
            events.append(Event(OVERLAPS, at_ms, overlap))
        return events if self.shed_level else [*events, *self._left_out(at_ms, window.end_ms)]

    def _tell_absences(self, through_ms: int) -> None:
        """Those that have their place up to there: before what else is told at it."""
        told = [one for one in self._absences if one.position <= through_ms]
        self._absences = self._absences[len(told) :]
        self.publish(*told)

    def _close(self, through_ms: int) -> None:
        """The empty window that ends a call."""
        if through_ms == FOREVER:
            end_ms, at_ms = self._end_ms or 0, self._place(self._closing_ms)
            self.publish(Event(VOICES, at_ms, v1.VoiceWindow(start_ms=end_ms, end_ms=end_ms)))
            self.publish(*self._left_out(at_ms, end_ms))

    def _left_out(self, at_ms: int, end_ms: int) -> list[Event]:
        """The `Degraded` span with fewer windows, if there was one."""
        if self._plan.shed_from_ms is None:
            return []
        span = v1.Degraded(self._plan.shed_from_ms, end_ms, EMBEDDING.name, f"every {SHED_STEPS}rd window only")
        self._plan.shed_from_ms = None
        return [Event(OVERLAPS, at_ms, span)]

    def _place(self, end_ms: int) -> int:
        """The end of a window on the grid; a window that ends with the call, off the grid, comes last."""
        return max(end_ms if end_ms % self._step_ms == 0 else self._closing_ms, self._promised_ms + 1)
