"""Every kind of event: in which envelope it travels on a stream, and where a snapshot of the timeline keeps it.

The tables have a row for each stream and for each kind that the timeline carries; all else follows from the contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import betterproto2

from speakerline.shared.contract import v1
from speakerline.shared.pipeline import OPERATOR, OVERLAPS, SOURCES, SPEECH, TIMELINE, TURNS, VOICES, WORDS
from speakerline.shared.tenants import tenant_of

ENVELOPES: Mapping[str, type[Any]] = {
    OPERATOR: v1.OperatorEvent,
    SPEECH: v1.SpeechEvent,
    VOICES: v1.VoiceEvent,
    OVERLAPS: v1.OverlapEvent,
    SOURCES: v1.SourceEvent,
    TURNS: v1.TurnEvent,
    WORDS: v1.WordEvent,
    TIMELINE: v1.TimelineEvent,
}


@dataclass(frozen=True, slots=True)
class Item:
    """Kept for the whole call in a list of Snapshot: by the id in the field `key`, or by its place without one."""

    list: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """It changes these fields of Snapshot, as later events do."""

    fields: tuple[str, ...]


KEPT: Mapping[type[Any], Item | State] = {
    v1.CallStarted: State(("call",)),
    v1.Speech: State(("open_speech", "recent_speech")),
    v1.Turn: Item("turns", "turn_id"),
    v1.TurnWithdrawn: Item("turns", "turn_id"),
    v1.SpeakerCreated: State(("speakers",)),
    v1.SpeakerMerged: State(("speakers",)),
    v1.SpeakerSplit: State(("speakers",)),
    v1.SpeakerNamed: State(("speakers",)),
    v1.Overlap: Item("overlaps", "overlap_id"),
    v1.Gap: Item("gaps"),
    v1.Silence: Item("silences"),
    v1.Clipping: Item("clippings"),
    v1.Degraded: Item("degraded"),
    v1.Finalized: State(("finalized_through_ms",)),
    v1.CallSummary: State(("call_summary",)),
    v1.CallEnded: State(("ended", "end_reason")),
    v1.Transcript: Item("transcripts", "transcript_id"),
    v1.Separated: Item("separations", "separation_id"),
    v1.Music: Item("music"),
    v1.Dtmf: Item("dtmf"),
    v1.Absence: Item("absences", "absence_id"),
    v1.Idle: Item("idles", "start_ms"),
    v1.FormatDoubt: Item("format_doubts"),
    v1.ChannelContent: Item("channel_contents"),
    v1.Correction: Item("corrections", "correction_id"),
    v1.SpeakerRole: State(("speakers",)),
}

ITEM_KEYS = {kept.list: kept.key for kept in KEPT.values() if isinstance(kept, Item)}
"""The lists of Snapshot whose items stay for the whole call, with the field that holds the id, if any."""

FIELDS: Mapping[str, Mapping[type[Any], str]] = {
    stream: {
        getattr(v1, str(field.type).removesuffix(" | None")): field.name
        for field in fields(envelope)
        if field.metadata["betterproto"].group == "kind"
    }
    for stream, envelope in ENVELOPES.items()
}
"""Of each stream the field of its envelope for each kind that it carries."""


def body_of(event: v1.TimelineEvent) -> v1.TimelineBody | None:
    """The body of the event; None where a newer version sent a kind that this one does not know."""
    body: v1.TimelineBody | None = betterproto2.which_one_of(event, "kind")[1]
    return body


def timeline_event(call_id: str, seq: int, at_ms: int, body: v1.TimelineBody) -> v1.TimelineEvent:
    kind: dict[str, Any] = {FIELDS[TIMELINE][type(body)]: body}
    return v1.TimelineEvent(call_id=call_id, seq=seq, at_ms=at_ms, tenant=tenant_of(call_id), **kind)
