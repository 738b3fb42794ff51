"""Folding timeline events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.contract import v1
from speakerline.shared.timeline.parts import BLOCK_ITEMS, TimelineParts, read_snapshot
from speakerline.shared.timeline.place import TimelineHole
from speakerline.shared.timeline.timeline import Timeline
from tests.timeline.events import folded, numbered, turn
from tests.timeline.strategies import timeline_bodies


@given(timeline_bodies(), st.data())
def test_a_snapshot_and_the_tail_give_what_all_events_give(bodies, data):
    events = numbered(bodies)
    cut = data.draw(st.integers(0, len(events)))
    whole, joined = Timeline("c1"), Timeline("c1")
    for event in events:
        whole.apply(event)
    for event in events[:cut]:
        joined.apply(event)
    joined = Timeline.from_snapshot(joined.snapshot())
    for event in events:
        joined.apply(event)
    assert joined.snapshot() == whole.snapshot()


@given(timeline_bodies(), st.data())
def test_the_parts_hold_the_snapshot_whenever_they_are_written_and_taken_up_again(bodies, data):
    timeline, parts = Timeline("c1"), TimelineParts({})
    for event in numbered(bodies):
        timeline.apply(event)
        parts.note(event, timeline)
        if data.draw(st.integers(0, 4)) == 0:
            written = parts.write(timeline)
            assert read_snapshot(written) == timeline.snapshot()
            parts = TimelineParts(written)
            assert parts.write(timeline) == written
    assert read_snapshot(parts.write(timeline)) == timeline.snapshot()


def test_a_late_joiner_of_a_call_without_parts_starts_at_zero():
    assert read_snapshot({}).seq == 0


def test_a_revised_turn_rewrites_the_head_and_one_block():
    bodies: list[tuple[int, Any]] = [(0, v1.CallStarted(call_id="c1", sample_rate=8000))]
    bodies += [(n, turn(f"t{n}", "S1", n, n + 10)) for n in range(10 * BLOCK_ITEMS)]
    bodies += [(900_000, turn("t40", "S2", 40, 50, revision=2))]
    timeline, parts = Timeline("c1"), TimelineParts({})
    *first, last = numbered(bodies)
    for event in first:
        timeline.apply(event)
        parts.note(event, timeline)
    before = parts.write(timeline)
    timeline.apply(last)
    parts.note(last, timeline)
    after = parts.write(timeline)
    assert {name for name in after if after[name] != before[name]} == {"head", f"block:{40 // BLOCK_ITEMS}"}


def test_a_repeated_event_is_ignored():
    timeline = Timeline("c1")
    event = numbered([(0, turn("t1", "S1", 0, 10))])[0]
    assert timeline.apply(event)
    assert not timeline.apply(event)


def test_a_missing_event_is_an_error_that_names_the_hole():
    timeline = Timeline("c1")
    events = numbered([(0, turn(f"t{n}", "S1", 0, 10)) for n in range(3)])
    timeline.apply(events[0])
    with pytest.raises(TimelineHole, match="seq 3 after 1"):
        timeline.apply(events[2])


def test_an_event_of_another_call_is_an_error():
    with pytest.raises(ValueError, match="'c2': expected one of 'c1'"):
        Timeline("c1").apply(numbered([(0, v1.Finalized(through_ms=1))], call_id="c2")[0])


@pytest.mark.parametrize("revision", [pytest.param(1, id="lower"), pytest.param(2, id="equal")])
def test_a_turn_of_no_higher_revision_is_ignored(revision):
    told = [(0, turn("t1", "S1", 0, 10, revision=2)), (1, turn("t1", "S2", 0, 99, revision=revision))]
    assert folded(told).turns["t1"].speaker_id == "S1"


def test_a_turn_of_higher_revision_replaces_the_one_before():
    told = [(0, turn("t1", "", 0, 10)), (1, turn("t1", "S2", 0, 99, revision=2))]
    assert folded(told).turns["t1"].speaker_id == "S2"


@pytest.mark.parametrize(
    ("revision", "left"),
    [pytest.param(1, True, id="an older withdrawal is ignored"), pytest.param(3, False, id="a withdrawn turn is gone")],
)
def test_withdrawal(revision, left):
    told = [(0, turn("t1", "S1", 0, 10, revision=2)), (1, v1.TurnWithdrawn(turn_id="t1", revision=revision))]
    assert ("t1" in folded(told).turns) is left


def test_merges_are_followed_to_their_end_and_a_circle_is_refused():
    merges = [("S3", "S2"), ("S2", "S1"), ("S1", "S3")]
    told = [(0, v1.SpeakerMerged(speaker_id=one, into_speaker_id=other)) for one, other in merges]
    speakers = folded(told).speakers
    assert [speakers.resolve(one) for one in ("S1", "S2", "S3")] == ["S1", "S1", "S1"]
    assert [one.speaker_id for one in speakers.people()] == ["S1"]


def test_a_split_makes_a_merged_speaker_its_own_person_again():
    told = [
        (0, v1.SpeakerCreated(speaker_id="S1", channel=1)),
        (0, v1.SpeakerMerged(speaker_id="S2", into_speaker_id="S1")),
        (0, v1.SpeakerSplit(speaker_id="S2", from_speaker_id="S1")),
    ]
    speakers = folded(told).speakers
    assert speakers.resolve("S2") == "S2"
    assert speakers.by_id["S2"].channel == 1


def test_labels_are_names_then_ids_then_unknown():
    speakers = folded([(0, v1.SpeakerNamed(speaker_id="S1", name="Ada", confidence=0.8))]).speakers
    assert [speakers.label(one) for one in ("S1", "S2", "")] == ["Ada", "S2", "unknown"]


def test_a_name_taken_back_leaves_the_id():
    names = [(0, v1.SpeakerNamed(speaker_id="S1", name=name)) for name in ("Ada", "")]
    assert folded(names).speakers.label("S1") == "S1"


def test_closed_speech_stays_visible_for_ten_seconds_of_audio():
    closed = v1.Speech(segment_id="a", state=v1.SpeechState.CLOSED, start_ms=0, end_ms=1000)
    assert folded([(1000, closed), (10_999, v1.Finalized())]).recent_speech == [closed]
    assert folded([(1000, closed), (11_000, v1.Finalized())]).recent_speech == []


def test_speech_is_open_from_opened_to_closed():
    opened = v1.Speech(segment_id="a", state=v1.SpeechState.OPENED, end_ms=100)
    closed = v1.Speech(segment_id="a", state=v1.SpeechState.CLOSED, end_ms=500)
    assert list(folded([(100, opened)]).open_speech) == ["a"]
    assert not folded([(100, opened), (500, closed)]).open_speech


def test_a_turn_is_settled_when_it_says_so_or_when_finalized_passes_it():
    timeline = folded([
        (0, turn("t1", "S1", 0, 1000, provisional=True)),
        (0, turn("t2", "S1", 0, 2000, provisional=True)),
        (0, turn("t3", "S1", 0, 3000)),
        (0, v1.Finalized(through_ms=1500)),
    ])  # fmt: skip
    assert [timeline.settled(one) for one in timeline.turns.values()] == [True, False, True]
