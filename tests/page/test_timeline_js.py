"""The page folds events as `Timeline` does: the same state after every event."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from speakerline.shared.codec import write
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import FIELDS, timeline_event
from speakerline.shared.pipeline import TIMELINE
from speakerline.shared.timeline.timeline import Timeline
from tests.page.node import node
from tests.timeline.conversation import bodies
from tests.timeline.events import numbered, turn
from tests.timeline.strategies import timeline_bodies

FOLD = Path(__file__).with_name("fold.js")
_SNAPSHOT = TypeAdapter(v1.Snapshot)


def folded_by_the_page(events: Sequence[v1.TimelineEvent]) -> list[Any]:
    """The JSON of the page's state after each event; a call begins with its event 1."""
    told = b"\n".join(write(TIMELINE, event) for event in events)
    done = subprocess.run([node(), FOLD], input=told, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def folded_by_python(events: Sequence[v1.TimelineEvent]) -> list[Any]:
    states, timeline = [], Timeline(events[0].call_id)
    for event in events:
        if event.seq == 1:
            timeline = Timeline(event.call_id)
        timeline.apply(event)
        states.append(json.loads(_SNAPSHOT.dump_json(timeline.snapshot(), exclude_defaults=True)))
    return states


def check_same_states(events: Sequence[v1.TimelineEvent]) -> None:
    pages, ours = folded_by_the_page(events), folded_by_python(events)
    assert len(pages) == len(ours) == len(events)
    for event, page, our in zip(events, pages, ours, strict=True):
        assert page == our, f"after {event}"


def test_a_conversation_with_words_merges_and_splits_is_the_same() -> None:
    check_same_states(
        numbered(
            [
                *bodies(),
                (8000, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1")),
                (8000, v1.SpeakerMerged(speaker_id="S1", into_speaker_id="S2")),
                (9000, v1.SpeakerSplit(speaker_id="S2", from_speaker_id="S1")),
                (9000, v1.SpeakerNamed(speaker_id="S1")),
                (9500, v1.TurnWithdrawn(turn_id="t3", revision=1)),
                (20_000, turn("t1", "S2", 1000, 4100, revision=2)),
                (20_000, v1.CallSummary(duration_ms=20_000)),
                (20_000, v1.CallEnded(20_000, v1.EndReason.HANGUP)),
            ]
        )
    )


def test_what_comes_late_or_twice_is_the_same() -> None:
    closed, opened = v1.SpeechState.CLOSED, v1.SpeechState.OPENED
    check_same_states(
        numbered(
            [
                *bodies(),
                (8000, turn("t1", "S2", 1000, 4200)),  # the revision that is there already
                (8000, v1.TurnWithdrawn(turn_id="t1")),
                (8000, v1.Speech(segment_id="a", state=opened, start_ms=7000)),
                (8000, v1.Speech(segment_id="a", state=closed, start_ms=7000, end_ms=8000)),
                (17_999, v1.Finalized(through_ms=6000)),
                (18_000, v1.Finalized(through_ms=4000)),
                (18_000, v1.Overlap(overlap_id="o", start_ms=1000, end_ms=2000, voices=2)),
                (18_000, v1.Overlap(overlap_id="o", start_ms=1000, end_ms=3000, voices=3)),
                (18_000, v1.Speech(segment_id="b", state=opened, start_ms=18_000)),
                (18_000, v1.CallEnded(18_000, v1.EndReason.IDLE)),
            ]
        )
    )


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(timeline_bodies(), min_size=5, max_size=10))
def test_any_calls_are_the_same_after_every_event(calls) -> None:
    check_same_states([event for call in calls for event in numbered(call)])


def test_the_page_knows_every_kind_of_event() -> None:
    """An event that changes nothing in the page's source would be dropped silently."""
    source = (FOLD.parents[2] / "services/gateway/page/timeline.js").read_text()
    missing = [
        field for field in FIELDS[TIMELINE].values() if f"event.{field}" not in source and f"{field}:" not in source
    ]
    assert not missing


def test_a_snapshot_that_comes_in_between_replaces_everything() -> None:
    events = numbered(bodies())
    other = folded_by_python(events)[-1]
    restarted = v1.TimelineEvent("c1", 3, restarted=_SNAPSHOT.validate_python(other))
    told = folded_by_the_page([*events[:3], restarted])
    assert told[-1] == other


@pytest.mark.parametrize("seq", [0, 1, 2])
def test_a_repeat_changes_nothing(seq: int) -> None:
    events = numbered(bodies())[:3]
    repeat = timeline_event("c1", max(seq, 2), 99_000, v1.SpeakerCreated(speaker_id="S9"))
    assert folded_by_the_page([*events, repeat])[-1] == folded_by_python(events)[-1]


def test_a_hole_is_told() -> None:
    told = b"\n".join(write(TIMELINE, event) for event in (*numbered(bodies())[:2], *numbered(bodies())[3:4]))
    done = subprocess.run([node(), FOLD], input=told, capture_output=True, timeout=120)
    assert "TimelineHole" in done.stderr.decode() or "seq 4 after 2" in done.stderr.decode()
