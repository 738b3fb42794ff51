"""The operator who knows the truth: what is corrected, as what, and when."""

from speakerline.shared.contract.v1 import MergeSpeakers, ReassignTurn, SpeakerCreated, SpeakerNamed
from speakerline.tools.lab.oracle import correction, first_correction
from speakerline.tools.score.score import folded
from tests.timeline.events import numbered, talk

TRUTH = {"ann": [(0, 4000), (8000, 12_000), (20_000, 23_000)], "bob": [(4000, 8000), (12_000, 16_000)]}
RIGHT = (("S1", 0, 4000), ("S2", 4000, 8000), ("S1", 8000, 12_000))


def test_of_right_turns_nothing_is_said() -> None:
    assert correction(TRUTH, folded(numbered(talk(*RIGHT))), 20_000) is None


def test_a_turn_of_the_wrong_speaker_is_given_to_the_right_one() -> None:
    timeline = folded(numbered(talk(*RIGHT, ("S1", 12_000, 16_000))))
    said = correction(TRUTH, timeline, 18_000)
    turn = list(timeline.turns.values())[-1]
    assert said is not None
    assert said.reassign_turn == ReassignTurn(turn.turn_id, "S2", "S1", turn.revision, 0, 12_000, 16_000)


def test_a_turn_of_somebody_who_has_no_speaker_is_given_to_somebody_new() -> None:
    said = correction(TRUTH, folded(numbered(talk(("S1", 0, 4000), ("S1", 4000, 8000)))), 10_000)
    assert said is not None and said.reassign_turn is not None
    assert (said.reassign_turn.speaker_id, said.reassign_turn.start_ms) == ("", 4000)


def test_a_second_name_of_one_person_is_merged_into_the_first() -> None:
    said = correction(TRUTH, folded(numbered(talk(*RIGHT, ("S3", 20_000, 23_000)))), 25_000)
    assert said is not None and said.merge_speakers == MergeSpeakers("S3", "S1")


def test_what_has_just_ended_is_short_or_is_not_clear_is_left_alone() -> None:
    wrong = numbered(talk(*RIGHT, ("S1", 12_000, 16_000)))
    assert correction(TRUTH, folded(wrong), 17_999) is None
    assert correction(TRUTH, folded(numbered(talk(*RIGHT, ("S1", 12_000, 12_900)))), 20_000) is None
    assert correction(TRUTH, folded(numbered(talk(*RIGHT, ("S1", 14_000, 21_000)))), 25_000) is None


def test_it_is_made_when_it_is_seen() -> None:
    bodies = [*talk(*RIGHT, ("S1", 12_000, 16_000)), (18_400, SpeakerCreated("S9")), (19_000, SpeakerNamed("S9", "x"))]
    found = first_correction(TRUTH, numbered(bodies))
    assert found is not None and found[0] == 18_400
    assert first_correction(TRUTH, numbered(bodies), after_ms=18_400) is None
