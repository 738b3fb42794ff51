"""Which event continues a timeline, which repeats it, and which tells that something is lost."""

import pytest

from speakerline.shared.contract.v1 import Snapshot, TimelineEvent, Turn
from speakerline.shared.timeline.place import KEPT_EPOCHS, Place, TimelineHole
from speakerline.shared.timeline.timeline import Timeline


def event(seq: int, epoch: str) -> TimelineEvent:
    return TimelineEvent("c", seq, epoch=epoch)


@pytest.mark.parametrize(
    ("seq", "epoch", "taken"),
    [
        pytest.param(8, "b", True, id="the next of the same writer goes on"),
        pytest.param(8, "c", True, id="the next of another writer goes on"),
        pytest.param(8, "", True, id="the next of an older version goes on"),
        pytest.param(7, "b", False, id="the last once more is a repeat"),
        pytest.param(3, "a", False, id="one of an earlier writer is a repeat"),
        pytest.param(7, "a", False, id="one that an earlier writer wrote in vain is a repeat"),
        pytest.param(7, "", False, id="what an older version wrote is a repeat"),
    ],
)
def test_an_event_goes_on_or_repeats(seq: int, epoch: str, taken: bool) -> None:
    place = Place(7, ["a", "b"])
    assert place.take(event(seq, epoch)) is taken
    assert place.seq == 7 + taken
    assert place.epoch == ("c" if epoch == "c" else "b")


@pytest.mark.parametrize(
    ("seq", "epoch", "message"),
    [
        pytest.param(9, "b", "seq 9 after 7: events are missing", id="one that leaves a hole"),
        pytest.param(9, "c", "seq 9 after 7: events are missing", id="one of another writer that leaves a hole"),
        pytest.param(7, "c", "seq 7 after 7, of another epoch", id="another one under the same number"),
        pytest.param(1, "c", "seq 1 after 7, of another epoch", id="one of a new beginning"),
        pytest.param(8, "a", "seq 8 after 7", id="one that an earlier writer wrote in vain"),
    ],
)
def test_an_event_that_does_not_fit_is_named(seq: int, epoch: str, message: str) -> None:
    place = Place(7, ["a", "b"])
    with pytest.raises(TimelineHole, match=message):
        place.take(event(seq, epoch))
    assert (place.seq, place.epochs) == (7, ["a", "b"])


def test_without_a_known_epoch_only_numbers_count() -> None:
    place = Place(7)
    assert not place.take(event(7, "b"))
    assert place.take(event(8, "b"))
    assert place.epochs == ["b"]


def test_the_latest_epochs_are_remembered() -> None:
    place = Place()
    for number in range(KEPT_EPOCHS + 5):
        place.take(event(number + 1, f"e{number}"))
    assert place.epochs == [f"e{number}" for number in range(5, KEPT_EPOCHS + 5)]


def test_a_timeline_that_restarts_holds_the_snapshot_and_nothing_else() -> None:
    timeline = Timeline("c")
    for seq in range(1, 8):
        timeline.apply(TimelineEvent("c", seq, 10 * seq, epoch="a", turn=Turn(turn_id=f"t{seq}", revision=1)))
    snapshot = Snapshot("c", 3, 30, epochs=["b"], turns=[Turn(turn_id="other", revision=1)])
    assert timeline.apply(TimelineEvent("c", 3, 30, epoch="b", restarted=snapshot))
    assert timeline.snapshot() == snapshot
    assert (timeline.seq, timeline.epoch, timeline.at_ms) == (3, "b", 30)
