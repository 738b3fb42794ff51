"""Which words of an open window are shown already; pure.

hypothesis 1   so how are                 shown: (so how)
hypothesis 2   so how is it going         shown: so how (is it)          in brackets: tentative
hypothesis 3   so how is it going then    shown: so how is it (going)

Words stay once two hypotheses in a row agree on them: LocalAgreement-2 of Machacek, Dabre and Bojar, "Turning Whisper
into Real-Time Transcription System" (2023). So do words that lie some time back: what was said since would have put
them right. The rest of the latest hypothesis is tentative, but for a word that the end of the sound may cut off.
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

    @property
    def plain(self) -> str:
        """Its text without punctuation and casing."""
        return re.sub(r"[\W_]+", "", self.text.casefold())


OLD_MS = 1500
"""Words that end so long before the end of the sound stay without agreement."""

LONGEST_WORD_MS = 1000

CUT_MS = 200
"""Words that end so near to the end of the sound may not be complete."""


@dataclass(slots=True)
class Stability:
    """`staying` only grows. The state is plain data."""

    staying: list[Guess] = field(default_factory=list)
    last: list[Guess] = field(default_factory=list)
    """The latest hypothesis behind what stays."""
    tentative: int = 0
    """How many of its words are shown, too."""

    @property
    def shown(self) -> list[Guess]:
        """All that is shown."""
        return self.staying + self.last[: self.tentative]

    @property
    def through_ms(self) -> int:
        """Where the words end that stay. A word may be drawn out over what was not understood."""
        return min(self.staying[-1].end_ms, self.staying[-1].start_ms + LONGEST_WORD_MS) if self.staying else 0

    def add(self, hypothesis: Sequence[Guess], end_ms: int) -> bool:
        """Take the next hypothesis in, of sound through `end_ms`; gives whether other words are shown now, or more of
        them stay. Words before `through_ms` are ignored. The last one may not be complete: it does not stay by
        agreement."""
        before = self._told()
        rest = [word for word in hypothesis if word.middle_ms >= self.through_ms]
        agreed = self._agreed(rest, end_ms)
        self.staying += rest[:agreed]
        self.last = rest[agreed:]
        cut = [at for at, word in enumerate(self.last) if word.end_ms > end_ms - CUT_MS]
        self.tentative = min(cut, default=len(self.last))
        return self._told() != before

    def settle(self) -> bool:
        """Nobody speaks any more, so nothing follows that could put a word right: all words stay. Gives whether that is
        news."""
        news = bool(self.last)
        self.staying, self.last, self.tentative = self.staying + self.last, [], 0
        return news

    def behind(self, at_ms: int) -> "Stability":
        """What of it lies behind that."""
        staying, last = ([word for word in words if word.middle_ms >= at_ms] for words in (self.staying, self.last))
        return Stability(staying, last, max(0, self.tentative - len(self.last) + len(last)))

    def _told(self) -> tuple[int, list[str]]:
        return len(self.staying), [word.text for word in self.shown]

    def _agreed(self, words: Sequence[Guess], end_ms: int) -> int:
        """How many of the words stay."""
        for at, word in enumerate(words):
            agree = at < len(words) - 1 and at < len(self.last) and word.plain == self.last[at].plain
            if not agree and word.end_ms > end_ms - OLD_MS:
                return at
        return len(words)
