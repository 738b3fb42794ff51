"""Which words of an open window may be shown already; pure.

hypothesis 1   so how are
hypothesis 2   so how is it going         shown: so how
hypothesis 3   so how is it going then    shown: so how is it      (while somebody speaks the last word never)

Words are shown when two hypotheses in a row agree on them, and then stay: LocalAgreement-2 of Machacek, Dabre and
Bojar, "Turning Whisper into Real-Time Transcription System" (2023). Where they do not, words are shown that lie some
time back: what was said since would have put them right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest


@dataclass(frozen=True, slots=True)
class Guess:
    """A word of a hypothesis, in ms of the call."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    source_id: str = ""

    @property
    def middle_ms(self) -> int:
        return (self.start_ms + self.end_ms) // 2

    @property
    def plain(self) -> str:
        """Its text without punctuation and casing."""
        return re.sub(r"[\W_]+", "", self.text.casefold())


OLD_MS = 1500
"""Words that end so long before the end of the sound are shown without agreement."""


@dataclass(slots=True)
class Stability:
    """`shown` only grows. The state is plain data."""

    shown: list[Guess] = field(default_factory=list)
    last: list[Guess] = field(default_factory=list)
    """The latest hypothesis behind what is shown."""

    @property
    def through_ms(self) -> int:
        """Where the shown words end."""
        return self.shown[-1].end_ms if self.shown else 0

    def add(self, hypothesis: Sequence[Guess], end_ms: int, goes_on: bool = True) -> bool:
        """Take the next hypothesis in, of sound through `end_ms`; gives whether more is shown now. Words before
        `through_ms` are ignored.

        goes_on: somebody speaks, so that the last word may not be complete."""
        rest = [word for word in hypothesis if word.middle_ms >= self.through_ms]
        agreed = 0
        for old, new in zip_longest(self.last, rest[:-1] if goes_on else rest):
            agree = old is not None and new is not None and old.plain == new.plain
            if new is None or not (agree or new.end_ms <= end_ms - OLD_MS):
                break
            agreed += 1
        self.shown += rest[:agreed]
        self.last = rest[agreed:]
        return agreed > 0
