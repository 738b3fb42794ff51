"""One call as a row of a wallboard: events folded into the little that is shown of it. No I/O."""

from typing import Any

from typing_extensions import Self

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.tenants import split
from speakerline.shared.timeline.writing import written

LONGEST_TEXT = 120
RECENT_MS = 60_000
"""How much of the call the strip of a row shows."""
_REASONS = v1.EndReason.betterproto_value_to_renamed_proto_names()


class Row:
    """`take` every event of the call, in order, or those after a snapshot; `shown` is the row as JSON has it."""

    def __init__(self, call_id: str) -> None:
        self.tenant, self._id = split(call_id)
        self.ended = False
        self.away = False
        """Whether the shard of the call does not answer: the row may be old."""
        self._at_ms = 0
        self._call: v1.CallStarted | None = None
        self._speakers: dict[str, str] = {}
        """Names by id, of those that were not merged into others."""
        self._merged: dict[str, str] = {}
        self._talking: dict[str, int] = {}
        """Channels, by the segment of speech that is open there."""
        self._turns: dict[str, v1.Turn] = {}
        """Those of the last minute, by their id."""
        self._spoken_ms = 0
        self._speaker = self._text = ""
        self._text_ms = self._gap_ms = self._degraded_ms = -1
        self._reason = v1.EndReason.UNSPECIFIED
        self._summary: v1.CallSummary | None = None

    @classmethod
    def from_snapshot(cls, snapshot: v1.Snapshot) -> Self:
        """The row of a call as it stands."""
        row = cls(snapshot.call_id)
        row._at_ms = snapshot.at_ms
        row._merged = {one.speaker_id: one.merged_into for one in snapshot.speakers if one.merged_into}
        row._speakers = {one.speaker_id: one.name for one in snapshot.speakers if not one.merged_into}
        turns = sorted(snapshot.turns, key=lambda turn: turn.start_ms)
        row._turns = {turn.turn_id: turn for turn in turns}
        row._spoken_ms = max((turn.end_ms for turn in turns), default=0)
        latest = turns[-1] if turns else None
        ended = v1.CallEnded(snapshot.at_ms, snapshot.end_reason) if snapshot.ended else None
        items: tuple[v1.TimelineBody, ...] = (
            *snapshot.open_speech,
            *snapshot.gaps,
            *snapshot.degraded,
            *snapshot.transcripts,
        )
        bodies: tuple[v1.TimelineBody | None, ...] = (snapshot.call, *items, latest, snapshot.call_summary, ended)
        for body in bodies:
            if body:
                row._fold(body)
        return row

    def take(self, event: v1.TimelineEvent) -> None:
        """The next event."""
        self._at_ms = event.at_ms
        if body := body_of(event):
            self._fold(body)

    def shown(self) -> dict[str, Any]:
        """What has no value is left out, as in all JSON of timelines."""
        call, summary = self._call, self._summary
        fields: dict[str, Any] = {
            "call_id": self._id,
            "at_ms": self._at_ms,
            "started_at": call.started_at if call else "",
            "metadata": dict(call.metadata) if call else {},
            "channels": call.channels if call else 0,
            "speakers": [
                _filled(speaker_id=one, name=name, talk_ratio=self._ratio(one)) for one, name in self._speakers.items()
            ],
            "recent": self._recent(),
            "spoken_through_ms": self._spoken_ms,
            "talking": sorted(set(self._talking.values())),
            "speaker_id": self._resolved(self._speaker),
            "text": self._text,
            "gap_through_ms": max(0, self._gap_ms),
            "degraded_through_ms": max(0, self._degraded_ms),
            "overlap_ms": summary.overlap_ms if summary else 0,
            "silence_ms": summary.silence_ms if summary else 0,
            "interruptions": summary.interruptions if summary else 0,
            "away": self.away,
            "ended": self.ended,
            "end_reason": _REASONS.get(self._reason, "") if self._reason else "",
        }
        return _filled(**fields)

    def _fold(self, body: v1.TimelineBody) -> None:
        match body:
            case v1.CallStarted():
                self._call = body
            case v1.Speech(state=v1.SpeechState.CLOSED):
                self._talking.pop(body.segment_id, None)
            case v1.Speech():
                self._talking[body.segment_id] = body.channel
            case v1.Turn():
                self._speaker = body.speaker_id or self._speaker
                if body.revision > self._revision(body.turn_id):
                    self._turns[body.turn_id] = body
                    self._spoken_ms = max(self._spoken_ms, body.end_ms)
            case v1.TurnWithdrawn() if body.revision >= self._revision(body.turn_id):
                self._turns.pop(body.turn_id, None)
            case v1.SpeakerCreated() | v1.SpeakerSplit():
                self._speakers[body.speaker_id] = ""
                self._merged.pop(body.speaker_id, None)
            case v1.SpeakerMerged():
                self._speakers.pop(body.speaker_id, None)
                self._merged[body.speaker_id] = body.into_speaker_id
            case v1.SpeakerNamed():
                self._speakers[self._resolved(body.speaker_id)] = body.name
            case v1.Transcript() if body.start_ms >= self._text_ms:
                words = [word.text for word in body.words if not word.superseded]
                self._text_ms, self._text = body.start_ms, written(words)[-LONGEST_TEXT:] or self._text
            case v1.Gap():
                self._gap_ms = max(self._gap_ms, body.end_ms)
            case v1.Degraded():
                self._degraded_ms = max(self._degraded_ms, body.end_ms)
            case v1.CallSummary():
                self._summary = body
            case v1.CallEnded():
                self.ended, self._reason = True, body.reason
                self._talking.clear()
            case _:
                pass  # nothing of it is shown

    def _recent(self) -> list[tuple[int, int, int]]:
        """(place in `speakers`, start, end) of the turns of the last minute, by start; -1: the speaker is not known."""
        from_ms = self._at_ms - RECENT_MS
        self._turns = {turn_id: turn for turn_id, turn in self._turns.items() if turn.end_ms > from_ms}
        places = {speaker_id: place for place, speaker_id in enumerate(self._speakers)}
        spans = [
            (places.get(self._resolved(turn.speaker_id), -1), max(from_ms, turn.start_ms), turn.end_ms)
            for turn in self._turns.values()
        ]
        return sorted(spans, key=lambda span: span[1:])

    def _revision(self, turn_id: str) -> int:
        return self._turns[turn_id].revision if turn_id in self._turns else -1

    def _ratio(self, speaker_id: str) -> float:
        shares = self._summary.speakers if self._summary else []
        return next((one.talk_ratio for one in shares if one.speaker_id == speaker_id), 0.0)

    def _resolved(self, speaker_id: str) -> str:
        while speaker_id in self._merged:
            speaker_id = self._merged[speaker_id]
        return speaker_id


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (0, "", False, [], {})}
