"""What is shown of a channel's open window before it is final, and which of its sound is decoded for that; pure.

window   |---------------------------------~~>
shown     so how is it going then with
heard              |----------------------|     the last 8 s or less: what lies before is shown already
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from speakerline.services.asr.stability import OLD_MS, Guess, Stability
from speakerline.services.asr.windows import MARGIN_MS, Window
from speakerline.shared.timeline.spans import Span

EVERY_MS = 700
"""How much more there must be to hear until it is decoded again."""

SHORTEST_MS = 1_000
"""Of less, with its margin, Whisper makes words that nobody said, unless that is all."""

HEARD_MS, CONTEXT_MS = 8_000, 3_000
"""When more would be heard, it begins anew behind a word that stays, with so much context. Where all words lie some
time back though somebody speaks, Whisper has ended early, and it begins anew right behind them. And it begins anew with
the next segment of speech: in a pause Whisper hears what nobody said."""

BEHIND_MS = 200
"""The end of speech is heard with so much sound behind it."""

REVISION_MS = 100
"""The revision of a transcript counts its sound in such steps: it grows with what was heard, in every run alike. Each
step has two, because all words may stay once nobody speaks any more. Less sound is not heard by itself."""


@dataclass(slots=True)
class Shown:
    """Of the window `transcript_id`; decoded from `from_ms` on, at last through `heard_ms`. Plain data."""

    transcript_id: str = ""
    from_ms: int = 0
    heard_ms: int = 0
    stability: Stability = field(default_factory=Stability)

    @property
    def words(self) -> Sequence[Guess]:
        """All that is shown."""
        return self.stability.shown

    def revision(self, window: Window) -> int:
        """Of the transcript that shows them."""
        return revision_at(self.heard_ms, window.start_ms) - 1 - bool(self.stability.last)

    def is_of(self, window: Window) -> bool:
        """Whether words were shown under its name."""
        return self.transcript_id == window.transcript_id and bool(self.words)

    def next_span(self, window: Window, goes_on: bool, known_ms: int) -> Span | None:
        """What to decode now that sound is known through `known_ms`, None for nothing; somebody `goes_on` speaking."""
        self._follow(window)
        end_ms = known_ms if goes_on else min(known_ms, window.end_ms + BEHIND_MS)
        more_ms, least_ms = (EVERY_MS, SHORTEST_MS) if goes_on else (REVISION_MS, REVISION_MS)
        from_ms = max([self.from_ms, *self._beginnings(window, end_ms)])
        if end_ms < self.heard_ms + more_ms or end_ms < from_ms + least_ms:
            return None
        self.from_ms, self.heard_ms = from_ms, end_ms
        return from_ms, end_ms

    def _beginnings(self, window: Window, end_ms: int) -> Iterator[int]:
        """Where to begin, if what is decoded now does not begin later."""
        staying = [word.end_ms for word in self.stability.staying]
        if not self.stability.last:
            if staying and staying[-1] <= self.heard_ms - OLD_MS:
                yield staying[-1]
            if len(window.speech) > 1 and self.heard_ms >= window.speech[-2][1]:
                yield window.speech[-1][0] - MARGIN_MS
        if end_ms - self.from_ms > HEARD_MS:
            yield from (word_ms for word_ms in staying if word_ms <= end_ms - CONTEXT_MS)
            yield end_ms - 2 * HEARD_MS

    def close(self, window: Window) -> list[Guess]:
        """The window is final: gives the words that were shown in it. Those behind its end go on in the next window."""
        inside = [word for word in self.words if word.middle_ms < window.end_ms]
        self.transcript_id, self.from_ms = "", max(self.from_ms, window.end_ms)
        self.stability = self.stability.behind(window.end_ms)
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
            "shown": [astuple(word) for word in self.stability.staying],
            "last": [astuple(word) for word in self.stability.last],
            "tentative": self.stability.tentative,
        }

    @staticmethod
    def load(stored: Mapping[str, Any]) -> "Shown":
        """What version 3 has stored, too."""
        staying, last = ([Guess(*word) for word in stored[name]] for name in ("shown", "last"))
        words = Stability(staying, last, stored.get("tentative", 0))
        return Shown(stored["transcript_id"], stored["from_ms"], stored["heard_ms"], words)


def revision_at(at_ms: int, start_ms: int) -> int:
    """Of the final transcript of a window that is due then: higher than those before, of which less was heard."""
    return 3 + 2 * (max(0, at_ms - start_ms) // REVISION_MS)
