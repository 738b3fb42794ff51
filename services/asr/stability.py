"""Which words of a growing utterance may be shown already; pure.

hypothesis 1   so how are
hypothesis 2   so how is it going         shown: so how
hypothesis 3   so how is it going then    shown: so how is it      (of the last hypothesis the last word never)

Words are shown when two hypotheses in a row agree on them, and then stay: LocalAgreement-2 of Machacek, Dabre and
Bojar, "Turning Whisper into Real-Time Transcription System" (2023).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field


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

    def add(self, hypothesis: Sequence[Guess]) -> bool:
        """Take the next hypothesis in; gives whether more is shown now. Words before `through_ms` are ignored."""
        rest = [word for word in hypothesis if word.middle_ms >= self.through_ms]
        agreed = 0
        for old, new in zip(self.last, rest[:-1], strict=False):
            if _plain(old.text) != _plain(new.text):
                break
            agreed += 1
        self.shown += rest[:agreed]
        self.last = rest[agreed:]
        return agreed > 0


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())
