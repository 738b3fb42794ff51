"""One call in the making: its events folded into a timeline, and what of it the database does not have yet. No I/O."""

from collections.abc import Mapping

from speakerline.shared.contract.v1 import Snapshot, TimelineEvent
from speakerline.shared.timeline.parts import Item, TimelineParts, touched
from speakerline.shared.timeline.place import Place
from speakerline.shared.timeline.timeline import Timeline


class Folding:
    """A call of the archive. `archive_id`: 0 while it has no row; `began_at_ms`: since 1970, by the clock of Redis."""

    def __init__(self, call_id: str, began_at_ms: int) -> None:
        self.call_id = call_id
        self.began_at_ms = began_at_ms
        self.archive_id = 0
        self.timeline = Timeline(call_id)
        self.lost = False
        """Whether something of it will never come."""
        self.items: set[Item] = set()
        """What the database does not have as it is here; `whole`: it has nothing as it is here."""
        self.whole = True
        self.changed = False
        self.words_changed = False
        """Whether the full-text index may lack words of it."""
        self.stored_parts: Mapping[str, bytes] = {}
        self._written_parts: Mapping[str, bytes] = {}
        self._parts = TimelineParts({})

    @classmethod
    def stored(
        cls, call_id: str, archive_id: int, began_at_ms: int, parts: Mapping[str, bytes], snapshot: Snapshot
    ) -> "Folding":
        """As the database has it."""
        folding = cls(call_id, began_at_ms)
        folding.archive_id, folding.whole = archive_id, False
        folding.words_changed = bool(snapshot.transcripts)
        folding.timeline = Timeline.from_snapshot(snapshot)
        folding.stored_parts, folding._parts = parts, TimelineParts(parts, lenient=True)
        return folding

    def is_another(self, event: TimelineEvent) -> bool:
        """Whether the event begins another call of this id: ids may come again once Redis has let a call go."""
        epochs = self.timeline.place.epochs
        over = self.timeline.ended or self.lost
        return event.seq == 1 and over and bool(event.epoch) and event.epoch not in epochs

    def take(self, event: TimelineEvent) -> None:
        """The next event; a repeat changes nothing. Raises TimelineHole, which a snapshot mends."""
        if not self.timeline.apply(event):
            return
        self._parts.note(event, self.timeline)
        if item := touched(event, self.timeline):
            self.items.add(item)
            self.words_changed = self.words_changed or item[0] == "transcripts"
        self.changed = True

    def goes_on_as(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot is of this call, and not of one that began anew under its id."""
        ours = self.timeline.place.epochs
        return not ours or not snapshot.epochs or bool({*ours} & {*snapshot.epochs})

    def restore(self, snapshot: Snapshot, parts: Mapping[str, bytes]) -> None:
        """The call as Redis has it, instead of everything before."""
        self.timeline = Timeline.from_snapshot(snapshot)
        self._parts = TimelineParts(parts, lenient=True)
        self.items.clear()
        self.whole = self.changed = self.words_changed = True

    def pass_over(self, event: TimelineEvent) -> None:
        """Go on at this event, though what came before it is lost."""
        self.lost = True
        self.timeline.place = Place(event.seq - 1, [*self.timeline.place.epochs, event.epoch])
        self.take(event)

    def give_up(self) -> None:
        """Nothing more will come of it."""
        self.lost = self.changed = True

    def parts(self) -> Mapping[str, bytes]:
        """The timeline as it is to be stored."""
        self._written_parts = self._parts.write(self.timeline)
        return self._written_parts

    def is_refused(self) -> None:
        """The database took nothing of it: it is to have all, once something else comes."""
        self.whole, self.changed = True, False

    def is_stored(self) -> None:
        """The database has everything, in the latest parts."""
        self.stored_parts = self._written_parts
        self.items.clear()
        self.whole = self.changed = False
