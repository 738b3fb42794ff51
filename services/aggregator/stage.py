"""One call in the aggregator: every entry becomes the next numbered TimelineEvent, or nothing.

Words come when they come: each transcript is published with its speakers, and again where turns move words.

first push ── CallStarted ──> running ── AudioEnded ──> closing ── inputs closed ──> CallSummary, CallEnded
                               │    ^
                               └────┘ a CallSummary before the first entry beyond each SUMMARY_EVERY_MS
"""

import json
from collections.abc import Mapping

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.pipeline import AGGREGATOR, OVERLAPS, TIMELINE, StageSpec
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.timeline.parts import TimelineParts, read_snapshot
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.word_speakers import WordSpeakers

SUMMARY_EVERY_MS = 30_000
"""How often dashboards get talk statistics, in audio."""

_Told = v1.SpeechBody | v1.OverlapBody | v1.TurnBody | v1.WordBody
"""What its inputs carry."""


class AggregatorStage(Stage):
    """Makes one `Aggregation` a call. `spec`: what it reads."""

    def __init__(self, spec: StageSpec = AGGREGATOR) -> None:
        self._spec = spec

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "Aggregation":
        return Aggregation(self._spec, call, parts)


class Aggregation(CallStage):
    """The timeline of one call in the making. Positions of the events are their `seq`."""

    tick_ms = FOREVER

    def __init__(self, spec: StageSpec, call: v1.CallStarted, parts: Mapping[str, bytes]) -> None:
        super().__init__()
        self.spec, self._call = spec, call
        snapshot = read_snapshot(parts)
        self._timeline = Timeline.from_snapshot(snapshot) if snapshot.seq else Timeline(call.call_id)
        self._parts = TimelineParts(parts)
        self._words = WordSpeakers(self._timeline)
        state = json.loads(parts.get("state", b"{}"))
        self._audio_ended: v1.AudioEnded | None = None
        if "end_ms" in state:
            self._audio_ended = v1.AudioEnded(state["end_ms"], v1.EndReason(state["reason"]))

    async def on_event(self, event: Event, at_ms: int) -> None:
        body, at_ms = event.body, max(at_ms, self._timeline.at_ms)
        if not isinstance(body, _Told) or (isinstance(body, v1.Absence) and event.stream == OVERLAPS):
            return  # an absence is told on `speech`
        if at_ms // SUMMARY_EVERY_MS > self._timeline.at_ms // SUMMARY_EVERY_MS and self._audio_ended is None:
            self._tell(summarise(self._timeline, at_ms), at_ms)
        if isinstance(body, v1.AudioEnded):
            self._audio_ended = body
        elif isinstance(body, v1.Transcript):
            for transcript in self._words.take(body):
                self._tell(transcript, at_ms)
        elif not (isinstance(body, v1.Speech) and body.state == v1.SpeechState.GREW):
            before = self._words.before(body)
            self._tell(body, at_ms)
            for transcript in self._words.after(body, before):
                self._tell(transcript, at_ms)

    async def on_end(self) -> None:
        for transcript in self._words.finish():
            self._tell(transcript, self._timeline.at_ms)
        self._tell(summarise(self._timeline, self._audio_end().end_ms), self._timeline.at_ms)
        self._close()

    async def work(self, through_ms: int) -> None:
        """The call is announced even before its first event."""
        if self._timeline.seq == 0:
            self._tell(self._call, 0)

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        """At the end of the call that leaves the last statistics out, never the CallEnded."""
        event = entry if isinstance(entry, Event) else None
        at_ms = max(self.place(event) if event else 0, self._timeline.at_ms)
        self._tell(self.gap(event, at_ms, detail), at_ms)
        if through_ms == FOREVER:
            self._close()

    def snapshot(self) -> Mapping[str, bytes]:
        """The parts of the timeline, and `state`: how the audio ended, from when it has."""
        ended = self._audio_ended
        state = {} if ended is None else {"end_ms": ended.end_ms, "reason": int(ended.reason)}
        return {**self._parts.write(self._timeline), "state": json.dumps(state).encode()}

    def _audio_end(self) -> v1.AudioEnded:
        return self._audio_ended or v1.AudioEnded(end_ms=self._timeline.at_ms)

    def _close(self) -> None:
        ended = self._audio_end()
        self._tell(v1.CallEnded(end_ms=ended.end_ms, reason=ended.reason), self._timeline.at_ms)

    def _tell(self, body: v1.TimelineBody, at_ms: int) -> None:
        if self._timeline.seq == 0 and body is not self._call:
            self._tell(self._call, 0)
        if self._audio_ended is not None:
            at_ms = min(at_ms, self._audio_ended.end_ms)
        seq, at_ms = self._timeline.seq + 1, max(at_ms, self._timeline.at_ms)
        event = timeline_event(self._call.call_id, seq, at_ms, body)
        self._timeline.apply(event)
        self._parts.note(event, self._timeline)
        self.publish(Event(TIMELINE, seq, event))
