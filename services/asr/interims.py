"""What is shown of a channel's open window before it is final, and which of its sound is decoded for that; pure.

window   |---------------------------------~~>
shown     so how is it going then with
heard              |----------------------|     the last 8 s or less: what lies before is shown already
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from speakerline.services.asr.stability import Guess, Stability
from speakerline.services.asr.windows import Window
from speakerline.shared.timeline.spans import Span

EVERY_MS = 700
"""How much more there must be to hear until it is decoded again."""

SHORTEST_MS = 500

HEARD_MS, CONTEXT_MS = 8_000, 3_000
"""When more would be heard, it begins anew behind a shown word, with so much context."""

BEHIND_MS = 200
"""The end of speech is heard with so much sound behind it."""


@dataclass(slots=True)
class Shown:
    """Of the window `transcript_id`; decoded from `from_ms` on, at last through `heard_ms`. Plain data."""

    transcript_id: str = ""
    from_ms: int = 0
    heard_ms: int = 0
    stability: Stability = field(default_factory=Stability)

    @property
    def words(self) -> Sequence[Guess]:
        return self.stability.shown

    def is_of(self, window: Window) -> bool:
        """Whether words were shown under its name."""
        return self.transcript_id == window.transcript_id and bool(self.words)

    def next_span(self, window: Window, goes_on: bool, known_ms: int) -> Span | None:
        """What to decode now that sound is known through `known_ms`, None for nothing; somebody `goes_on` speaking."""
        self._follow(window)
        end_ms = known_ms if goes_on else min(known_ms, window.end_ms + BEHIND_MS)
        least_ms = EVERY_MS if goes_on else 1
        if end_ms < self.heard_ms + least_ms or end_ms < self.from_ms + SHORTEST_MS:
            return None
        if end_ms - self.from_ms > HEARD_MS:
            ends = [word.end_ms for word in self.words if word.end_ms <= end_ms - CONTEXT_MS]
            self.from_ms = max([self.from_ms, end_ms - 2 * HEARD_MS, *ends])
        self.heard_ms = end_ms
        return self.from_ms, end_ms

    def close(self, window: Window) -> list[Guess]:
        """The window is final: gives the words that were shown in it. Those behind its end go on in the next window."""
        inside = [word for word in self.words if word.middle_ms < window.end_ms]
        behind = [word for word in self.words if word.middle_ms >= window.end_ms]
        self.transcript_id, self.from_ms = "", max(self.from_ms, window.end_ms)
        self.stability = Stability(behind)
        return inside

    def go_on(self, window: Window) -> bool:
        """Whether words are shown that belong to this window from now on, so that none vanishes."""
        moved = not self.transcript_id and bool(self.words)
        self._follow(window)
        return moved and bool(self.words)

    def _follow(self, window: Window) -> None:
        if self.transcript_id != window.transcript_id:
            self.transcript_id, self.from_ms = window.transcript_id, max(self.from_ms, window.from_ms)

    def dump(self) -> dict[str, Any]:
        return {
            "transcript_id": self.transcript_id,
            "from_ms": self.from_ms,
            "heard_ms": self.heard_ms,
            "shown": [astuple(word) for word in self.stability.shown],
            "last": [astuple(word) for word in self.stability.last],
        }

    @staticmethod
    def load(stored: Mapping[str, Any]) -> "Shown":
        words = Stability([Guess(*word) for word in stored["shown"]], [Guess(*word) for word in stored["last"]])
        return Shown(stored["transcript_id"], stored["from_ms"], stored["heard_ms"], words)
