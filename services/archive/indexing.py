"""When the words of a call go into the full-text index: at its end, and now and then before it."""

import time
from collections.abc import Callable, Iterable

from speakerline.services.archive.folding import Folding

EVERY_S = 60.0
"""The index takes all words of a call anew each time."""


class Indexing:
    """Remembers when the words of calls that go on were indexed. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done_at: dict[int, float] = {}

    def due(self, changed: Iterable[Folding]) -> list[Folding]:
        """Of these calls, those that are to be indexed now."""
        return [one for one in changed if one.words_changed and self._is_due(one)]

    def done(self, foldings: Iterable[Folding]) -> None:
        """The index has their words."""
        for folding in foldings:
            folding.words_changed = False
            if folding.timeline.ended or folding.lost:
                self._done_at.pop(folding.archive_id, None)
            else:
                self._done_at[folding.archive_id] = self._clock()

    def _is_due(self, folding: Folding) -> bool:
        over = folding.timeline.ended or folding.lost
        return over or self._clock() - self._done_at.get(folding.archive_id, -EVERY_S) >= EVERY_S
