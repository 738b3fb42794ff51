"""What the archive makes of events that do not go on from what it has."""

from speakerline.services.archive.hand import Hand
from speakerline.services.archive.source import FirehoseEntry, Standing
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import timeline_event
from tests.archive.archived_calls import a_call


def test_a_correction_of_an_ended_call_that_came_too_late_leaves_the_call_whole() -> None:
    """Two gateways, one of which did not know what the other had made of the call."""
    hand, folding = Hand(), a_call("desk", 1000, "hello")
    hand.calls["desk"] = folding
    seq = folding.timeline.seq
    for epoch, name in (("first", "Ann"), ("second", "Bea")):
        event = timeline_event("desk", seq + 1, 100, v1.SpeakerNamed("S1", name, 1.0))
        event.epoch = epoch
        hand.take(FirehoseEntry(f"{epoch == 'second'}-1", "desk", event, 2000))
    assert [*hand.doubtful] == ["desk"]
    assert hand.mend("desk", Standing(v1.Snapshot("desk"), {}, 2000, "9-9")) == "another"
    assert (folding.timeline.speakers.label("S1"), folding.lost, folding.timeline.seq) == ("Ann", False, seq + 1)
