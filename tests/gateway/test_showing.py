"""The JSON of a call for its viewers: joined from the parts that are stored, which are not read."""

import json

from speakerline.services.gateway.showing import shown_snapshot, shown_timeline
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from speakerline.shared.timeline.parts import BLOCK_ITEMS, TimelineParts
from speakerline.shared.timeline.stored import StoredTimeline
from speakerline.shared.timeline.timeline import Timeline
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn

TURNS = 12 * BLOCK_ITEMS
"""So many that `block:10` stands before `block:2` in the order of the alphabet."""


def stored(call_id: str) -> StoredTimeline:
    """A call with a gap and two speakers, who say a sentence in every turn."""
    timeline, parts = Timeline(call_id), TimelineParts({})
    said: list[v1.TimelineBody] = [
        v1.CallStarted(call_id, sample_rate=8000),
        v1.SpeakerCreated("S1"),
        v1.SpeakerCreated("S2"),
        v1.Gap(0, 5),
    ]
    for number in range(TURNS):
        said.append(turn(f"t{number}", f"S{1 + number % 2}", 1000 * number, 1000 * number + 900))
        said.append(transcript(f"w{number}", *words_of("S1", "we could meet", 1000 * number)))
    for seq, body in enumerate(said, 1):
        event = timeline_event(call_id, seq, 0, body)
        timeline.apply(event)
        parts.note(event, timeline)
    return StoredTimeline(call_id, ("e1", "e2"), parts.write(timeline))


def test_the_parts_of_a_call_joined_are_the_json_of_its_snapshot() -> None:
    call = stored("@acme/c")
    shown = json.loads(shown_timeline(call, None))
    assert shown == json.loads(shown_snapshot(call.snapshot()))
    assert (shown["call_id"], shown["call"]["call_id"], shown["epochs"]) == ("c", "c", ["e1", "e2"])
    assert [one["turn_id"] for one in shown["turns"]] == [f"t{number}" for number in range(TURNS)]


def test_what_only_a_newer_version_knows_is_passed_on() -> None:
    newer = b'{"gaps":[{"reason":"GAP_REASON_NEW","end_ms":7}],"moods":[{"mood_id":"m"}]}'
    shown = json.loads(shown_timeline(StoredTimeline("c", (), {"head": b"{}", "block:0": newer}), None))
    assert (shown["gaps"], shown["moods"]) == ([{"reason": "GAP_REASON_NEW", "end_ms": 7}], [{"mood_id": "m"}])


def test_a_call_without_events_is_shown_by_its_announcement() -> None:
    shown = json.loads(shown_timeline(StoredTimeline("c", (), {}), v1.CallStarted("c", sample_rate=8000)))
    assert shown == {"call_id": "c", "call": {"call_id": "c", "sample_rate": 8000}}


def test_the_head_of_a_call_is_its_snapshot_without_the_lists() -> None:
    call = stored("c")
    head, whole = call.head(), call.snapshot()
    assert (head.turns, head.transcripts, head.gaps) == ([], [], [])
    assert (head.seq, head.speakers, head.call, head.epochs) == (whole.seq, whole.speakers, whole.call, ["e1", "e2"])
