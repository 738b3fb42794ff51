"""One call in the aggregator: every entry becomes the next numbered TimelineEvent, or nothing.

Words come when they come: each transcript is published with its speakers, and again where turns move words.

first push ── CallStarted ──> running ── AudioEnded ──> closing ── inputs closed ──> CallSummary, CallEnded
                               │    ^
                               └────┘ a CallSummary before the first entry beyond each SUMMARY_EVERY_MS
"""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from speakerline.services.aggregator.word_speakers import WordSpeakers
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.pipeline import AGGREGATOR, TIMELINE
from speakerline.shared.runtime.stage import FOREVER, AudioReader, Entry, Event, Step
from speakerline.shared.timeline.parts import TimelineParts, read_snapshot
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline

SUMMARY_EVERY_MS = 30_000
"""How often dashboards get talk statistics, in audio."""

_AUDIO_ENDED = "audio_ended"
_ENDED = TypeAdapter(v1.AudioEnded)
_DELAY_MS = {source.stream: source.delay_ms for source in AGGREGATOR.inputs if source.awaited}
_Told = v1.SpeechBody | v1.OverlapBody | v1.TurnBody | v1.WordBody
"""What its inputs carry."""


class AggregatorStage:
    """Makes one `Aggregation` a call."""

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "Aggregation":
        return Aggregation(call, parts)


class Aggregation:
    """The timeline of one call in the making."""

    def __init__(self, call: v1.CallStarted, parts: Mapping[str, bytes]) -> None:
        self._call = call
        snapshot = read_snapshot(parts)
        self._timeline = Timeline.from_snapshot(snapshot) if snapshot.seq else Timeline(call.call_id)
        self._parts = TimelineParts(parts)
        self._words = WordSpeakers(self._timeline)
        self._audio_ended = _ENDED.validate_json(parts[_AUDIO_ENDED]) if _AUDIO_ENDED in parts else None
        self._events: list[Event] = []

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        """Number the entries; close the timeline when nothing follows. Positions of the events are their `seq`."""
        self._begin()
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, _Told):
                self._take(entry.body, self._place(entry))
        if through_ms == FOREVER and not self._timeline.ended:
            for transcript in self._words.finish():
                self._publish(transcript, self._timeline.at_ms)
            self._publish(summarise(self._timeline, self._audio_end().end_ms), self._timeline.at_ms)
            self._close()
        return self._step(through_ms)

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        """The Gap spans what the entry spoke of, where it had times, else the moment of the entry.

        At the end of the call that leaves the last statistics out, never the CallEnded."""
        self._begin()
        at_ms, body = self._timeline.at_ms, None
        if isinstance(entry, Event):
            at_ms, body = self._place(entry), entry.body
        gap = v1.Gap(
            channel=getattr(body, "channel", 0),
            start_ms=getattr(body, "start_ms", at_ms),
            end_ms=getattr(body, "end_ms", at_ms),
            reason=v1.GapReason.POISON,
            stage=AGGREGATOR.name,
            detail=detail,
        )
        self._publish(gap, at_ms)
        if through_ms == FOREVER:
            self._close()
        return self._step(through_ms)

    def snapshot(self) -> dict[str, bytes]:
        """The parts of the timeline, and `audio_ended` from when the audio has ended."""
        parts = self._parts.write(self._timeline)
        if self._audio_ended is not None:
            parts[_AUDIO_ENDED] = _ENDED.dump_json(self._audio_ended)
        return parts

    def _begin(self) -> None:
        if self._timeline.seq == 0:
            self._publish(self._call, 0)

    def _place(self, entry: Event) -> int:
        """Where the entry stands in the call. What nothing waits for, as words, stands where the call has come to."""
        delay_ms = _DELAY_MS.get(entry.stream)
        return self._timeline.at_ms if delay_ms is None else entry.position + delay_ms

    def _take(self, body: _Told, at_ms: int) -> None:
        if at_ms // SUMMARY_EVERY_MS > self._timeline.at_ms // SUMMARY_EVERY_MS and self._audio_ended is None:
            self._publish(summarise(self._timeline, at_ms), at_ms)
        if isinstance(body, v1.AudioEnded):
            self._audio_ended = body
        elif isinstance(body, v1.Transcript):
            for transcript in self._words.take(body):
                self._publish(transcript, at_ms)
        elif not (isinstance(body, v1.Speech) and body.state == v1.SpeechState.GREW):
            before = self._words.before(body)
            self._publish(body, at_ms)
            for transcript in self._words.after(body, before):
                self._publish(transcript, at_ms)

    def _audio_end(self) -> v1.AudioEnded:
        return self._audio_ended or v1.AudioEnded(end_ms=self._timeline.at_ms)

    def _close(self) -> None:
        ended = self._audio_end()
        self._publish(v1.CallEnded(end_ms=ended.end_ms, reason=ended.reason), self._timeline.at_ms)

    def _publish(self, body: v1.TimelineBody, at_ms: int) -> None:
        if self._audio_ended is not None:
            at_ms = min(at_ms, self._audio_ended.end_ms)
        seq, at_ms = self._timeline.seq + 1, max(at_ms, self._timeline.at_ms)
        event = timeline_event(self._call.call_id, seq, at_ms, body)
        self._timeline.apply(event)
        self._parts.note(event, self._timeline)
        self._events.append(Event(TIMELINE, seq, event))

    def _step(self, through_ms: int) -> Step:
        events, self._events = self._events, []
        return Step(events, through_ms)
