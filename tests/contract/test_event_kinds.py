"""A kind of event that the contract gains is forgotten nowhere: each is folded, kept in a snapshot, and exported."""

import json
from dataclasses import fields
from typing import Any, get_args

import pytest

from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import ENVELOPES, FIELDS, KEPT, Item, body_of, timeline_event
from speakerline.shared.pipeline import OPERATOR, PIPELINE, SPEECH, STREAMS, TIMELINE, TURNS
from speakerline.shared.timeline.export import to_json
from speakerline.shared.timeline.parts import TimelineParts, read_snapshot
from speakerline.shared.timeline.timeline import Timeline

SPAN: dict[str, Any] = {"start_ms": 10, "end_ms": 20}
EXAMPLES: list[v1.TimelineBody] = [
    v1.CallStarted(call_id="c", sample_rate=8000),
    v1.Speech("s", 0, v1.SpeechState.OPENED, **SPAN),
    v1.Turn(turn_id="t2", revision=1, **SPAN),
    v1.TurnWithdrawn("t1", 2),
    v1.SpeakerCreated("S3", 1),
    v1.SpeakerMerged("S2", "S1"),
    v1.SpeakerSplit("S3", "S1"),
    v1.SpeakerNamed("S1", "Ada", 0.9),
    v1.Overlap("o", 0, voices=2, **SPAN),
    v1.Gap(**SPAN),
    v1.Silence(**SPAN),
    v1.Clipping(**SPAN),
    v1.Degraded(**SPAN),
    v1.Finalized(5),
    v1.CallSummary(duration_ms=5),
    v1.CallEnded(30, v1.EndReason.HANGUP),
    v1.Transcript("w", 1, **SPAN),
    v1.Separated("p", 1, **SPAN),
    v1.Music(**SPAN),
    v1.Dtmf(0, 10, "5"),
    v1.Absence("a1-1", 1, **SPAN),
    v1.Idle(**SPAN),
    v1.FormatDoubt(0, looks_like=v1.SoundFormat.ALAW, **SPAN),
    v1.ChannelContent(1, content=v1.Content.COPY, **SPAN),
    v1.Correction("k", undo=v1.Undo("j")),
    v1.SpeakerRole("S1", "agent"),
]
POSITION = {"call_id", "seq", "epochs", "at_ms"}
NOT_EXPORTED = {"open_speech", "recent_speech"}
"""Speech that has no turn yet: a document of a call tells turns."""
COMPUTED = {v1.CallSummary: "statistics"}
"""The document has its own, of the moment at which it is written."""

each_example = pytest.mark.parametrize("body", EXAMPLES, ids=lambda body: type(body).__name__)


def names(message: Any, *, repeated: bool = False) -> set[str]:
    return {one.name for one in fields(message) if one.metadata["betterproto"].repeated or not repeated}


def before() -> Timeline:
    timeline = Timeline("c")
    told: list[v1.TimelineBody] = [v1.SpeakerCreated("S1"), v1.SpeakerCreated("S2")]
    told.append(v1.Turn(turn_id="t1", revision=1, speaker_id="S1", **SPAN))
    for seq, body in enumerate(told, 1):
        timeline.apply(timeline_event("c", seq, 0, body))
    return timeline


def after(body: v1.TimelineBody) -> Timeline:
    timeline = before()
    timeline.apply(timeline_event("c", timeline.seq + 1, 0, body))
    return timeline


def test_every_stream_has_an_envelope() -> None:
    written = [stream for stage in PIPELINE for stream in stage.outputs]
    assert list(ENVELOPES) == list(STREAMS) == [OPERATOR, *written]


@pytest.mark.parametrize("stream", ENVELOPES)
def test_what_travels_on_a_stream_is_what_its_envelope_may_hold(stream: str) -> None:
    union = getattr(v1, ENVELOPES[stream].__name__.replace("Event", "Body"))
    assert tuple(FIELDS[stream]) == (get_args(union) or (union,))


def test_every_kind_of_the_timeline_is_kept_and_has_an_example() -> None:
    assert list(KEPT) == list(FIELDS[TIMELINE]) == [type(body) for body in EXAMPLES]


def test_every_field_of_a_snapshot_is_named() -> None:
    kept = {name for one in KEPT.values() for name in ([one.list] if isinstance(one, Item) else one.fields)}
    assert kept | POSITION == names(v1.Snapshot)


def test_every_list_of_a_snapshot_is_in_the_document_or_left_out_on_purpose() -> None:
    assert names(v1.Snapshot, repeated=True) - document(before()).keys() - POSITION == NOT_EXPORTED


@each_example
def test_an_event_changes_what_the_table_says(body: v1.TimelineBody) -> None:
    kept = KEPT[type(body)]
    old, new = before().snapshot(), after(body).snapshot()
    changed = {name for name in names(v1.Snapshot) - POSITION if getattr(old, name) != getattr(new, name)}
    assert changed
    assert changed <= ({kept.list} if isinstance(kept, Item) else set(kept.fields))


@each_example
def test_an_event_is_in_the_parts_that_are_written_after_it(body: v1.TimelineBody) -> None:
    timeline, parts = Timeline("c"), TimelineParts({})
    for seq, one in enumerate([v1.Turn(turn_id="t1", revision=1, speaker_id="S1", **SPAN), body], 1):
        event = timeline_event("c", seq, 0, one)
        timeline.apply(event)
        parts.note(event, timeline)
        parts = TimelineParts(parts.write(timeline))
    assert read_snapshot(parts.write(timeline)) == timeline.snapshot()
    assert Timeline.from_snapshot(timeline.snapshot()).snapshot() == timeline.snapshot()


@each_example
def test_an_event_shows_in_the_document_of_the_call(body: v1.TimelineBody) -> None:
    kept = KEPT[type(body)]
    unseen = type(body) in COMPUTED or (not isinstance(kept, Item) and set(kept.fields) <= NOT_EXPORTED)
    old, new = ({**document(timeline), "seq": 0} for timeline in (before(), after(body)))
    assert (old == new) is unseen


@each_example
def test_an_event_goes_into_its_envelope_and_comes_out(body: v1.TimelineBody) -> None:
    event = codec.read(TIMELINE, codec.write(TIMELINE, timeline_event("c", 1, 0, body)))
    assert body_of(event) == body


def test_items_are_told_apart_by_a_field_that_they_have() -> None:
    keys = [(kind, kept.key) for kind, kept in KEPT.items() if isinstance(kept, Item) and kept.key]
    assert [key in names(kind) for kind, key in keys] == [True] * 8


def test_an_event_on_a_stream_that_does_not_carry_it_is_refused() -> None:
    stream: Any = TURNS
    with pytest.raises(codec.InvalidEvent, match="Speech on stream turns: expected one of Turn, TurnWithdrawn"):
        codec.write(stream, v1.Speech())
    assert codec.write(SPEECH, v1.Speech()) == b'{"speech":{}}'


def document(timeline: Timeline) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(to_json(timeline))
    return told
