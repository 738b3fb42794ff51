"""Where a reader of a timeline stands: the last event that it took, and whether another one continues it.

A writer of the timeline gives all of its events one `epoch`; whoever loads the call anew writes under another. So the
pair of `epoch` and `seq` names one event for good, also where Redis lost events and their numbers were given again.
Kafka finds a log that was cut in the same way (KIP-320, leader epochs).

    event of            seq not above ours            the next seq            above that
    the latest epoch    a repeat                      taken                   hole
    an earlier epoch    a repeat                      hole                    hole
    a new epoch         hole: the end was lost        taken: a new writer     hole
"""

from collections.abc import Iterable

from speakerline.shared.contract.v1 import TimelineEvent
from speakerline.shared.errors import SpeakerlineError

KEPT_EPOCHS = 32
"""So many are remembered: repeats from before them are taken for holes, which costs a snapshot."""


class TimelineHole(SpeakerlineError, ValueError):
    """An event is missing, or those before it are not what they were: the reader must take a snapshot."""


class Place:
    """After event `seq` of a call. `epochs`: those of the events up to there, as far as known, the latest last."""

    def __init__(self, seq: int = 0, epochs: Iterable[str] = ()) -> None:
        self.seq = seq
        self.epochs = [*epochs][-KEPT_EPOCHS:]

    @property
    def epoch(self) -> str:
        """Of the last event; empty where it is not known."""
        return self.epochs[-1] if self.epochs else ""

    def take(self, event: TimelineEvent) -> bool:
        """Move on to the event. False for a repeat, which changes nothing. Raises TimelineHole."""
        known = not event.epoch or not self.epochs or event.epoch in self.epochs
        if event.seq <= self.seq and known:
            return False
        where = f"timeline of call {event.call_id!r}: seq {event.seq} after {self.seq}"
        if event.seq <= self.seq:
            raise TimelineHole(f"{where}, of another epoch: events were lost, and their numbers given again")
        if event.seq != self.seq + 1 or event.epoch in self.epochs[:-1]:
            raise TimelineHole(f"{where}: events are missing")
        self.move(event.seq, event.epoch)
        return True

    def move(self, seq: int, epoch: str) -> None:
        """Stand after this event."""
        self.seq = seq
        if epoch and epoch != self.epoch:
            self.epochs = [*self.epochs, epoch][-KEPT_EPOCHS:]
