"""Corrections of ended calls: what follows from each, what taking it back restores, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.timeline.amending import Amender
from speakerline.shared.timeline.corrections import InvalidCorrection
from speakerline.shared.timeline.timeline import Timeline
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import folded, turn

SNAPSHOT = TypeAdapter(v1.Snapshot)
ACTS: list[dict[str, Any]] = [
    {"name_speaker": v1.NameSpeaker("S1", "Bea")},
    {"name_speaker": v1.NameSpeaker("S2", "Ann")},
    {"name_speaker": v1.NameSpeaker("S1", "")},
    {"assign_role": v1.AssignRole("S2", "agent")},
    {"merge_speakers": v1.MergeSpeakers("S2", "S1")},
    {"merge_speakers": v1.MergeSpeakers("S1", "S3")},
    {"split_speaker": v1.SplitSpeaker("S2")},
    {"reassign_turn": v1.ReassignTurn("t2", "S1")},
    {"reassign_turn": v1.ReassignTurn("t3", "S3")},
    {"reassign_turn": v1.ReassignTurn("t1", "")},
]


def ended_call() -> Timeline:
    """S1, enrolled as Ann, then S2, then S3, a role that was given while the call ran; words under each turn, and a
    separated voice of S2 in S1's turn."""
    source = v1.SpeakerSource("x-0", "S2", 0.8, 1400, 1800)
    said: list[tuple[int, Any]] = [
        (0, v1.CallStarted(call_id="c1", sample_rate=8000, channels=1)),
        *((0, v1.SpeakerCreated(speaker_id=one)) for one in ("S1", "S2", "S3")),
        (0, v1.SpeakerNamed("S1", "Ann", 0.8)),
        (0, v1.Correction("live", name_speaker=v1.NameSpeaker("S3", "Cleo"))),
        (0, v1.SpeakerNamed("S3", "Cleo", 1.0)),
        (0, v1.Correction("refused", name_speaker=v1.NameSpeaker("S2", "Nobody"), refused="came too late")),
        (9000, turn("t1", "S1", 0, 2000)),
        (9000, turn("t2", "S2", 2500, 4000)),
        (9000, turn("t3", "S2", 4500, 6000)),
        (9000, turn("t4", "S3", 6500, 8000)),
        (9000, v1.Separated("x", 1, 0, 1400, 1800, ["o"], 2, v1.SeparationOutcome.SEPARATED, [source])),
        (9000, transcript("w1", *words_of("S1", "thanks for calling", 200))),
        (9000, transcript("w2", *words_of("S2", "hello I need help", 2600))),
        (9000, transcript("w3", *words_of("S2", "Yes", 1500, source_id="x-0"))),
        (9000, v1.CallEnded(9000, v1.EndReason.HANGUP)),
    ]
    return folded(said)


def amend(timeline: Timeline, correction_id: str = "k1", **act: Any) -> list[v1.TimelineEvent]:
    return Amender(timeline, f"epoch of {correction_id}").take(v1.Correction(correction_id, "Zoe", **act))


def undo(timeline: Timeline, correction_id: str) -> None:
    amend(timeline, f"not {correction_id}", undo=v1.Undo(correction_id))


def kinds(events: list[v1.TimelineEvent]) -> list[str]:
    return [type(body_of(one)).__name__ for one in events]


def said_by(timeline: Timeline, transcript_id: str) -> set[str]:
    return {timeline.speakers.resolve(word.speaker_id) for word in timeline.transcripts[transcript_id].words}


def labels(timeline: Timeline) -> Any:
    """All that corrections can change, without the people whom they made."""
    people = {name: replace(one) for name, one in timeline.speakers.by_id.items() if name in ("S1", "S2", "S3")}
    turns = {name: (one.speaker_id, one.confidence) for name, one in timeline.turns.items()}
    sources = [one.speaker_id for separated in timeline.separations.values() for one in separated.sources]
    words = {
        name: [(word.text, word.speaker_id, word.superseded) for word in one.words]
        for name, one in timeline.transcripts.items()
    }
    return people, turns, sources, words


def test_the_events_go_on_where_the_call_ended_and_give_the_timeline_that_was_made() -> None:
    timeline, viewer = ended_call(), ended_call()
    told = amend(timeline, reassign_turn=v1.ReassignTurn("t2", "S1"))
    assert kinds(told) == ["Correction", "Turn", "Transcript", "CallSummary"]
    assert [one.seq for one in told] == list(range(viewer.seq + 1, viewer.seq + 5))
    assert {one.at_ms for one in told} == {viewer.at_ms}
    for event in told:
        assert viewer.apply(event)
    assert viewer.snapshot() == timeline.snapshot() and viewer.ended


def test_a_reassigned_turn_takes_its_words_along_and_counts_in_the_statistics() -> None:
    timeline = ended_call()
    amend(timeline, reassign_turn=v1.ReassignTurn("t2", "S1"))
    assert (timeline.turns["t2"].speaker_id, timeline.turns["t2"].confidence) == ("S1", 1.0)
    assert said_by(timeline, "w2") == {"S1"}
    assert timeline.summary and {one.speaker_id: one.talk_ms for one in timeline.summary.speakers}["S1"] == 3500


def test_a_turn_of_somebody_new_is_that_of_the_next_number() -> None:
    timeline = ended_call()
    amend(timeline, reassign_turn=v1.ReassignTurn("t3", ""))
    amend(timeline, "k2", reassign_turn=v1.ReassignTurn("t4", ""))
    assert [timeline.turns[one].speaker_id for one in ("t3", "t4")] == ["S4", "S5"]


def test_a_separated_voice_in_a_turn_goes_with_it_where_its_speaker_spoke_the_turn() -> None:
    timeline = ended_call()
    amend(timeline, reassign_turn=v1.ReassignTurn("t1", "S3"))
    assert said_by(timeline, "w3") == {"S2"}, "who spoke at the same time keeps their speech"
    amend(timeline, "k2", merge_speakers=v1.MergeSpeakers("S2", "S3"))
    amend(timeline, "k3", reassign_turn=v1.ReassignTurn("t1", "S1"))
    assert said_by(timeline, "w3") == {"S1"}


def test_a_merge_shows_both_as_one_and_hands_on_the_name_and_the_role() -> None:
    timeline = ended_call()
    amend(timeline, "k1", assign_role=v1.AssignRole("S3", "customer"))
    amend(timeline, "k2", merge_speakers=v1.MergeSpeakers("S3", "S2"))
    assert timeline.speakers.resolve("S3") == "S2"
    assert (timeline.speakers.label("S3"), timeline.speakers.by_id["S2"].role) == ("Cleo", "customer")
    amend(timeline, "k3", split_speaker=v1.SplitSpeaker("S3"))
    assert [timeline.speakers.label(one) for one in ("S2", "S3")] == ["S2", "Cleo"]


def test_of_two_people_with_names_who_are_merged_the_one_who_stays_keeps_theirs() -> None:
    timeline = ended_call()
    amend(timeline, "k1", name_speaker=v1.NameSpeaker("S2", "Bea"))
    amend(timeline, "k2", name_speaker=v1.NameSpeaker("S3", "Dora"))
    amend(timeline, "k3", merge_speakers=v1.MergeSpeakers("S3", "S2"))
    assert timeline.speakers.label("S3") == "Bea"


def test_a_correction_holds_only_what_it_is_the_first_to_change() -> None:
    timeline = ended_call()
    amend(timeline, "k1", name_speaker=v1.NameSpeaker("S2", "Bea"))
    amend(timeline, "k2", name_speaker=v1.NameSpeaker("S2", "Dora"))
    former = [[one.speaker_id for one in timeline.corrections[k].former_speakers] for k in ("k1", "k2")]
    assert former == [["S2"], []]
    assert timeline.speakers.label("S2") == "Dora", "what was refused while the call ran stays refused"


def test_a_name_is_then_nobody_elses_in_the_call() -> None:
    timeline = ended_call()
    amend(timeline, name_speaker=v1.NameSpeaker("S2", "Ann"))
    assert [timeline.speakers.label(one) for one in ("S1", "S2")] == ["S1", "Ann"]
    undo(timeline, "k1")
    assert timeline.speakers.by_id["S1"].name_confidence == 0.8 and timeline.speakers.label("S1") == "Ann"


def test_the_later_of_two_corrections_counts_and_taking_it_back_brings_the_earlier_one_back() -> None:
    timeline = ended_call()
    amend(timeline, "k1", name_speaker=v1.NameSpeaker("S1", "Bea"))
    amend(timeline, "k2", name_speaker=v1.NameSpeaker("S1", "Dora"))
    assert timeline.speakers.label("S1") == "Dora"
    undo(timeline, "k2")
    assert timeline.speakers.label("S1") == "Bea"
    undo(timeline, "k1")
    assert timeline.speakers.label("S1") == "Ann"


def test_an_earlier_correction_can_be_taken_back_alone() -> None:
    timeline = ended_call()
    amend(timeline, "k1", merge_speakers=v1.MergeSpeakers("S2", "S1"))
    amend(timeline, "k2", merge_speakers=v1.MergeSpeakers("S1", "S3"))
    assert {timeline.speakers.resolve(one) for one in ("S1", "S2", "S3")} == {"S3"}
    undo(timeline, "k1")
    assert [timeline.speakers.resolve(one) for one in ("S1", "S2", "S3")] == ["S3", "S2", "S3"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=8), st.randoms())
def test_what_is_taken_back_in_any_order_was_never_made(acts: list[dict[str, Any]], random: Any) -> None:
    """Also by others, who have read the call as it is stored."""
    timeline, made = ended_call(), []
    for number, act in enumerate(acts):
        try:
            amend(timeline, f"k{number}", **act)
        except InvalidCorrection:
            continue
        made.append(f"k{number}")
    random.shuffle(made)
    for correction_id in made:
        stored = SNAPSHOT.dump_json(timeline.snapshot(), exclude_defaults=True)
        timeline = Timeline.from_snapshot(SNAPSHOT.validate_json(stored))
        undo(timeline, correction_id)
    assert labels(timeline) == labels(ended_call())


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ({"undo": v1.Undo("live")}, "correction 'live' was made while the call ran: expected one made after its end"),
        ({"undo": v1.Undo("nothing")}, "correction 'nothing': expected one that holds"),
        ({"split_speaker": v1.SplitSpeaker("S2")}, "speaker S2: expected one whom an operator merged after the end"),
        ({"merge_speakers": v1.MergeSpeakers("S9", "S1")}, "speaker 'S9': expected one of the call's speakers"),
        ({"reassign_turn": v1.ReassignTurn("t1", "S1")}, "turn t1 is S1's already: expected another speaker"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(act: Any, why: str) -> None:
    timeline = ended_call()
    before = timeline.snapshot()
    with pytest.raises(InvalidCorrection) as caught:
        amend(timeline, **act)
    assert str(caught.value).startswith(why)
    assert timeline.snapshot() == before


def test_speakers_of_two_channels_are_two_people() -> None:
    timeline = ended_call()
    timeline.speakers.by_id["S2"].channel = 1
    with pytest.raises(InvalidCorrection, match="S2 is on channel 1 and S1 on channel 0: expected speakers of one"):
        amend(timeline, merge_speakers=v1.MergeSpeakers("S2", "S1"))


def test_a_call_that_runs_is_not_amended() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        Amender(folded([(0, v1.CallStarted(call_id="c1"))]), "e")
