"""When a call stops asking a model that does not come back; pure, by the call's own time.

    asking ──lost twice in a row──> resting for 30 s of audio ──> asking once ──lost──> resting again
       ^                                                              │
       └──────────────────────────── answered ────────────────────────┘

A lost model has kept the call's labels waiting: for its limit where it hung, and for as long as it took to load again.
"""

from dataclasses import dataclass

MOST_LOSSES = 2
REST_MS = 30_000


@dataclass(slots=True)
class Breaker:
    """losses: in a row. until_ms: what is due before that is not asked for."""

    losses: int = 0
    until_ms: int = 0

    def rests(self, at_ms: int) -> bool:
        return at_ms < self.until_ms

    def answered(self) -> None:
        self.losses = 0

    def lost(self, at_ms: int) -> None:
        self.losses += 1
        if self.losses >= MOST_LOSSES:
            self.until_ms = at_ms + REST_MS
