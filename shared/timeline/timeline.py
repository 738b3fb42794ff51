"""The timeline of one call as dashboards hold it: TimelineEvents folded, one by one, into what is known now."""

from copy import copy
from typing import Protocol, TypeVar

from typing_extensions import assert_never

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import ITEM_KEYS, body_of
from speakerline.shared.timeline.place import Place
from speakerline.shared.timeline.speakers import Speakers

RECENT_MS = 10_000
"""How much audio a closed segment of speech stays in `recent_speech`, because turns come later than speech."""


class _Revised(Protocol):
    revision: int


_Upsert = TypeVar("_Upsert", bound=_Revised)


class Timeline:
    """The state of a call after event `seq`. Times are in ms of the call's audio.

    Turns and words keep the speaker id they came with; `speakers` resolves merges and gives labels. Read the lists and
    dictionaries, but let only `apply` change them."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.place = Place()
        self.at_ms = 0
        self.call: v1.CallStarted | None = None
        self.speakers = Speakers()
        self.turns: dict[str, v1.Turn] = {}
        self.open_speech: dict[str, v1.Speech] = {}
        self.recent_speech: list[v1.Speech] = []
        self.overlaps: dict[str, v1.Overlap] = {}
        self.separations: dict[str, v1.Separated] = {}
        self.transcripts: dict[str, v1.Transcript] = {}
        self.music: list[v1.Music] = []
        self.dtmf: list[v1.Dtmf] = []
        self.absences: dict[str, v1.Absence] = {}
        self.idles: dict[int, v1.Idle] = {}
        self.format_doubts: list[v1.FormatDoubt] = []
        self.channel_contents: list[v1.ChannelContent] = []
        self.corrections: dict[str, v1.Correction] = {}
        self.gaps: list[v1.Gap] = []
        self.silences: list[v1.Silence] = []
        self.clippings: list[v1.Clipping] = []
        self.degraded: list[v1.Degraded] = []
        self.finalized_through_ms = 0
        self.summary: v1.CallSummary | None = None
        self.ended = False
        self.end_reason = v1.EndReason.UNSPECIFIED

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self.place.seq

    @property
    def epoch(self) -> str:
        """The epoch of the last event; empty where it is not known."""
        return self.place.epoch

    @property
    def duration_ms(self) -> int:
        """The length of the call if it has ended, else the audio position reached."""
        return self.summary.duration_ms if self.ended and self.summary else self.at_ms

    def settled(self, turn: v1.Turn) -> bool:
        """Whether this turn will not change any more."""
        return not turn.provisional or turn.end_ms <= self.finalized_through_ms

    def apply(self, event: v1.TimelineEvent) -> bool:
        """Apply one event, in order of `seq`. A repeat changes nothing and returns False.

        An event with `restarted` replaces everything. Raises TimelineHole if events before this one are missing or are
        not what they were, ValueError for an event of another call."""
        if event.call_id != self.call_id:
            raise ValueError(f"event of call {event.call_id!r}: expected one of {self.call_id!r}")
        if event.restarted is not None:
            self._restore(event.restarted)
            return True
        if not self.place.take(event):
            return False
        self.at_ms = max(self.at_ms, event.at_ms)
        if (body := body_of(event)) is not None:
            self._fold(body)
        self.recent_speech = [speech for speech in self.recent_speech if speech.end_ms + RECENT_MS > self.at_ms]
        return True

    def _fold(self, body: v1.TimelineBody) -> None:
        match body:
            case v1.Turn():
                _replace(self.turns, body.turn_id, body)
            case v1.TurnWithdrawn():
                self._withdraw(body)
            case v1.Speech():
                self._track_speech(body)
            case v1.Transcript():
                _replace(self.transcripts, body.transcript_id, body)
            case v1.Separated():
                _replace(self.separations, body.separation_id, body)
            case v1.SpeakerCreated():
                self.speakers.create(body)
            case v1.SpeakerMerged():
                self.speakers.merge(body)
            case v1.SpeakerSplit():
                self.speakers.split(body)
            case v1.SpeakerNamed():
                self.speakers.name(body)
            case v1.SpeakerRole():
                self.speakers.role(body)
            case v1.Correction():
                self.corrections[body.correction_id] = body
            case v1.CallStarted():
                self.call = body
            case v1.Overlap():
                self.overlaps[body.overlap_id] = body
            case v1.Gap():
                self.gaps.append(body)
            case v1.Silence():
                self.silences.append(body)
            case v1.Clipping():
                self.clippings.append(body)
            case v1.Degraded():
                self.degraded.append(body)
            case v1.Music():
                self.music.append(body)
            case v1.Dtmf():
                self.dtmf.append(body)
            case v1.Absence():
                self.absences[body.absence_id] = body
            case v1.Idle():
                self.idles[body.start_ms] = body
            case v1.FormatDoubt():
                self.format_doubts.append(body)
            case v1.ChannelContent():
                self.channel_contents.append(body)
            case v1.Finalized():
                self.finalized_through_ms = max(self.finalized_through_ms, body.through_ms)
            case v1.CallSummary():
                self.summary = body
            case v1.CallEnded():
                self.ended, self.end_reason = True, body.reason
                self.open_speech.clear()
            case _:
                assert_never(body)

    def _withdraw(self, withdrawn: v1.TurnWithdrawn) -> None:
        known = self.turns.get(withdrawn.turn_id)
        if known is not None and withdrawn.revision >= known.revision:
            del self.turns[withdrawn.turn_id]

    def _track_speech(self, speech: v1.Speech) -> None:
        if speech.state == v1.SpeechState.CLOSED:
            self.open_speech.pop(speech.segment_id, None)
            self.recent_speech.append(speech)
        else:
            self.open_speech[speech.segment_id] = speech

    def state(self) -> v1.Snapshot:
        """All but the announcement of the call and the items that stay: what nearly every event changes."""
        return v1.Snapshot(
            call_id=self.call_id,
            seq=self.seq,
            epochs=list(self.place.epochs),
            at_ms=self.at_ms,
            speakers=[copy(speaker) for speaker in self.speakers.by_id.values()],
            open_speech=list(self.open_speech.values()),
            recent_speech=list(self.recent_speech),
            finalized_through_ms=self.finalized_through_ms,
            call_summary=self.summary,
            ended=self.ended,
            end_reason=self.end_reason,
        )

    def snapshot(self) -> v1.Snapshot:
        """The whole state as one message; `from_snapshot` restores it."""
        snapshot = self.state()
        snapshot.call = self.call
        for name, key in ITEM_KEYS.items():
            items = getattr(self, name)
            getattr(snapshot, name).extend(items.values() if key else items)
        return snapshot

    @classmethod
    def from_snapshot(cls, snapshot: v1.Snapshot) -> "Timeline":
        timeline = cls(snapshot.call_id)
        timeline._restore(snapshot)
        return timeline

    def _restore(self, snapshot: v1.Snapshot) -> None:
        self.place = Place(snapshot.seq, snapshot.epochs)
        self.at_ms, self.call = snapshot.at_ms, snapshot.call
        self.speakers = Speakers(copy(speaker) for speaker in snapshot.speakers)
        self.open_speech = {speech.segment_id: speech for speech in snapshot.open_speech}
        self.recent_speech = list(snapshot.recent_speech)
        for name, key in ITEM_KEYS.items():
            items = getattr(snapshot, name)
            setattr(self, name, {getattr(one, key): one for one in items} if key else list(items))
        self.finalized_through_ms = snapshot.finalized_through_ms
        self.summary = snapshot.call_summary
        self.ended, self.end_reason = snapshot.ended, snapshot.end_reason


def _replace(known: dict[str, _Upsert], key: str, newer: _Upsert) -> None:
    """An upsert counts where its revision is higher."""
    before = known.get(key)
    if before is None or newer.revision > before.revision:
        known[key] = newer
