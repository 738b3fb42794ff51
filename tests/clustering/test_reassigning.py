"""An operator says whose a turn is: it holds for the past and the rest of the call, and teaches the voice."""

import random
from dataclasses import replace

import pytest

from speakerline.services.clustering.pins import pinned_tracklets
from speakerline.shared.contract.v1 import Correction, ReassignTurn, Turn, Undo
from tests.clustering.corrected_call import SHORT, Call
from tests.clustering.made_calls import of_speakers


def test_a_turn_that_is_somebody_elses_stays_so_to_the_end() -> None:
    call = Call()
    call.hear(20_000)
    told = call.reassign(13_000, "S2")
    assert call.turn_at(13_000).speaker_id == "S2"
    assert isinstance(told[0], Correction)
    for until_ms in range(21_000, 61_000, 1000):
        call.hear(until_ms)
        assert call.turn_at(13_000).speaker_id == "S2"
    call.finish()
    assert call.turn_at(13_000).speaker_id == "S2"
    assert call.turn_at(1000).speaker_id == "S1", "the rest is as the voices say"
    channel = call.clusterer.channels[0]
    evidence = pinned_tracklets(channel.history.retained, call.clusterer.hand.pins_of(0))
    labels = {channel.labels[tracklet - channel.history.first_tracklet] for tracklet in evidence}
    assert labels == {1}, "its voiceprints are those of S2, too"


def test_a_turn_of_somebody_new_teaches_a_voice_that_was_not_told_apart() -> None:
    call, untaught = Call((1, 1.3), end_ms=50_000), Call((1, 1.3), end_ms=50_000)
    for one in (call, untaught):
        one.hear(12_000)
    assert set(call.speakers) == {"S1"}
    told = call.reassign(4000, "")
    assert of_speakers(told) == ["S2 created"]
    for one in (call, untaught):
        one.hear(50_000)
        one.finish()
    assert set(untaught.speakers) == {"S1"}
    truth = ["S1", "S2"] * len(call.turns)
    assert call.speakers == truth[: len(call.speakers)]


def test_somebody_new_is_a_third_even_where_two_were_expected_at_most() -> None:
    call = Call((1, 2, 1.4), end_ms=40_000, max_speakers=2)
    call.hear(12_000)
    assert set(call.speakers) == {"S1", "S2"}
    call.reassign(7000, "")
    call.hear(40_000)
    call.finish()
    truth = ["S1", "S2", "S3"] * len(call.turns)
    assert call.speakers == truth[: len(call.speakers)]


def test_taking_a_turn_back_leaves_it_to_the_voices_again() -> None:
    call = Call()
    call.hear(20_000)
    call.reassign(13_000, "S2")
    call.say(Correction("undo", undo=Undo("turn")))
    call.hear(60_000)
    call.finish()
    assert call.turn_at(13_000).speaker_id == "S1"


def test_the_later_of_two_operators_counts() -> None:
    call = Call()
    call.hear(20_000)
    call.reassign(13_000, "S2", "ann")
    call.reassign(13_000, "", "bob")
    assert call.turn_at(13_000).speaker_id == "S3"
    call.say(Correction("undo", undo=Undo("bob")))
    assert call.turn_at(13_000).speaker_id == "S2", "what the other said still holds"


def test_what_is_long_past_changes_on_the_timeline_though_its_voiceprints_are_gone() -> None:
    call = Call(end_ms=150_000, settings=SHORT)
    call.hear(150_000)
    assert call.clusterer.finalized_through_ms > 20_000
    before = call.turn_at(4000)
    told = call.reassign(4000, "S1")
    assert told[1:] == [
        Turn(before.turn_id, before.revision + 1, "S1", 0, before.start_ms, before.end_ms, before.confidence, False)
    ]
    (back,) = call.say(Correction("u", undo=Undo("turn")))[1:]
    assert (back.speaker_id, back.revision) == ("S2", before.revision + 2)
    edge_ms = call.clusterer.finalized_through_ms
    for name, end_ms in (("at the edge", edge_ms), ("beyond it", edge_ms + 1)):
        act = ReassignTurn("T99", "S1", "S2", 3, 0, edge_ms - 500, end_ms)
        told = [one for one in call.say(Correction(name, reassign_turn=act)) if getattr(one, "turn_id", "") == "T99"]
        assert told == [Turn("T99", 4, "S1", 0, edge_ms - 500, end_ms, 1.0, False)][: end_ms == edge_ms], name


def test_a_turn_that_was_moved_before_it_settled_can_be_taken_back_after_it() -> None:
    call = Call(end_ms=150_000, settings=SHORT)
    call.hear(20_000)
    call.reassign(4000, "S1")
    moved = call.turn_at(4000)
    call.hear(150_000)
    assert call.clusterer.finalized_through_ms > moved.end_ms
    (back,) = call.say(Correction("u", undo=Undo("turn")))[1:]
    assert back == replace(moved, revision=moved.revision + 1, speaker_id="S2", provisional=False)


@pytest.mark.parametrize("seed", range(8))
def test_any_corrections_hold_over_any_restarts(seed: int) -> None:
    """Two runs, one opened anew after every step: the same changes; and no label contradicts what was said last."""
    runs = []
    for restored in (False, True):
        rng, call, held = random.Random(seed), Call((1, 2, 3), noise=0.1, end_ms=40_000), dict[int, str]()
        for until_ms in range(5000, 41_000, 5000):
            call.hear(until_ms)
            if restored:
                call.restore()
            turn = rng.choice(call.turns)
            speaker = rng.choice(["", *(f"S{one + 1}" for one in range(len(call.clusterer.roster.channels)))])
            told = call.reassign(turn.start_ms, speaker, f"k{until_ms}")
            if not told[0].refused:
                middle = (turn.start_ms + turn.end_ms) // 2
                held = {ms: who for ms, who in held.items() if not turn.start_ms <= ms < turn.end_ms}
                held[middle] = speaker or call.turn_at(middle).speaker_id
            if restored:
                call.restore()
        call.finish()
        runs.append(call.changes)
        for ms, who in held.items():
            assert who in {one.speaker_id for one in call.turns if one.start_ms <= ms < one.end_ms}
    assert runs[0] == runs[1]
