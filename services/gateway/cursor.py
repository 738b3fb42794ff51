"""A place in a timeline, as clients keep it: `42-3f9c`, the number of an event and the epoch of who wrote it."""

import re
from dataclasses import dataclass

from speakerline.services.gateway.auth.principal import Refused
from speakerline.shared.timeline.place import Place

_CURSOR = re.compile(r"(\d{1,10})(?:-([0-9A-Za-z]{0,64}))?")
LAST_SEQ = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """After event `seq`; 0 = before the first. With `epoch`, a loss of Redis in between is noticed."""

    seq: int = 0
    epoch: str = ""

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """From `42-3f9c`, `42`, or nothing. Raises Refused with status 400."""
        found = _CURSOR.fullmatch(text) if text else None
        if text and (not found or int(found[1]) > LAST_SEQ):
            raise Refused(400, "cursor", f"{text[:40]!r}: expected the id of an event, such as 42-3f9c, or its seq")
        return cls(int(found[1]), found[2] or "") if found else cls()

    def __str__(self) -> str:
        return f"{self.seq}-{self.epoch}" if self.epoch else str(self.seq)

    def is_end(self, seq: int, epochs: list[str]) -> bool:
        """Whether a timeline whose last event is `seq`, written in these epochs, has nothing after this place."""
        place = Place(seq, epochs)
        return self.seq == place.seq and self.epoch in ("", place.epoch)
