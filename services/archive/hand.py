"""The calls in hand: events go to the call that they are of; holes are found here, and mended by a snapshot. No I/O."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from speakerline.services.archive.folding import Folding
from speakerline.services.archive.source import FirehoseEntry, Standing, after
from speakerline.services.archive.store import digest_of
from speakerline.shared.timeline.place import TimelineHole

MOST = 5000
"""Calls in memory; others are read from the database again."""


@dataclass(slots=True)
class Hand:
    """`erased`: by digest of its id, up to which position nothing of a call is taken."""

    erased: dict[str, str] = field(default_factory=dict)
    calls: "OrderedDict[str, Folding]" = field(default_factory=OrderedDict)
    doubtful: dict[str, FirehoseEntry] = field(default_factory=dict)
    """Calls of which an event is missing, each with the one that showed it."""
    superseded: list[Folding] = field(default_factory=list)
    """Calls after which another one began under their id, with something that is not written yet."""

    def unknown(self, entries: Iterable[FirehoseEntry]) -> list[str]:
        """Calls that these are of, and that the database may have."""
        return list(dict.fromkeys(one.call_id for one in entries if one.call_id and one.call_id not in self.calls))

    def take(self, entry: FirehoseEntry) -> None:
        """One event; those after a hole wait for the snapshot."""
        if not entry.call_id or self._is_erased(entry.call_id, entry.id) or entry.call_id in self.doubtful:
            return
        folding = self.calls.get(entry.call_id)
        if folding and entry.event and folding.is_another(entry.event):
            self._supersede(folding)
            folding = None
        if folding is None:
            folding = self.calls[entry.call_id] = Folding(entry.call_id, entry.sent_at_ms)
        self.calls.move_to_end(entry.call_id)
        try:
            if entry.event is None:
                raise TimelineHole(f"entry {entry.id} can't be read")
            folding.take(entry.event)
        except TimelineHole:
            self.doubtful[entry.call_id] = entry

    def mend(self, call_id: str, standing: Standing) -> str:
        """Go on from the call as Redis has it. Gives what became of it, in a word."""
        entry, folding = self.doubtful.pop(call_id, None), self.calls.get(call_id)
        if self._is_erased(call_id, standing.position):
            return "erased"
        if not standing.snapshot.seq:
            return self._without_snapshot(entry, folding)
        if folding and not folding.goes_on_as(standing.snapshot):
            folding.lost = folding.lost or not folding.timeline.ended
            folding.changed = True
            self._supersede(folding)
            folding = None
        if folding is None:
            folding = self.calls[call_id] = Folding(call_id, standing.began_at_ms)
        folding.restore(standing.snapshot, standing.parts)
        return "snapshot"

    def _without_snapshot(self, entry: FirehoseEntry | None, folding: Folding | None) -> str:
        """Redis has let the call go: what is missing will never come."""
        event = entry.event if entry else None
        if event and folding and folding.timeline.ended and event.seq <= folding.timeline.seq:
            return "another"  # a correction of the ended call, made without knowing of one that came before it
        if event and folding:
            folding.pass_over(event)
        elif folding and not folding.timeline.ended:
            folding.give_up()
        return "lost"

    def forget(self, call_id: str, position: str) -> None:
        """Take nothing of this call that came up to this position."""
        self.calls.pop(call_id, None)
        self.doubtful.pop(call_id, None)
        self.superseded = [one for one in self.superseded if one.call_id != call_id]
        self.erased[digest_of(call_id)] = position

    def changed(self) -> list[Folding]:
        """What the database does not have, in the order in which it came."""
        return [*self.superseded, *(one for one in self.calls.values() if one.changed)]

    def written(self, foldings: Iterable[Folding]) -> None:
        """The database has these; those that have ended need not stay in memory."""
        for folding in foldings:
            folding.is_stored()
            self._let_go(folding)
        self.superseded.clear()
        while len(self.calls) > MOST:
            self.calls.popitem(last=False)

    def refused(self, foldings: Iterable[Folding]) -> None:
        """The database takes none of these: what comes next of a call is written with all that came before."""
        for folding in foldings:
            folding.is_refused()
            self._let_go(folding)

    def _let_go(self, folding: Folding) -> None:
        if folding.timeline.ended and self.calls.get(folding.call_id) is folding:
            del self.calls[folding.call_id]

    def _supersede(self, folding: Folding) -> None:
        if folding.changed:
            self.superseded.append(folding)
        del self.calls[folding.call_id]

    def _is_erased(self, call_id: str, position: str) -> bool:
        if not self.erased:
            return False
        until = self.erased.get(digest_of(call_id))
        return until is not None and not after(position, until)
