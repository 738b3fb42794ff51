"""What has left a channel's history and can't be clustered anew; pure.

windows   |  0 ... 15 | 16 ... 31 | 32 .. 40
             settled  |        history
                      ^ through_ms: speech that reaches it may go on
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.arrays import Float32s, Float64s


@dataclass(slots=True)
class Settled:
    """size: of a voiceprint. sums: per speaker the sum of its voiceprints (size,), each times its lone seconds, and
    these seconds. carried: (speaker, start_ms, end_ms) of speech that reaches `through_ms`, where it may go on."""

    size: int
    through_ms: int = 0
    sums: dict[int, tuple[Float64s, float]] = field(default_factory=dict)
    carried: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def lone_s(self) -> float:
        """Lone speech of all speakers."""
        return sum(mass for _, mass in self.sums.values())

    def add(self, speaker: int, voiceprint: Float32s, lone_s: float) -> None:
        """A local voice of a speaker leaves the history."""
        total, mass = self.sums.get(speaker, (np.zeros(self.size), 0.0))
        self.sums[speaker] = (total + lone_s * voiceprint, mass + lone_s)

    def move_edge(self, through_ms: int, rendered: Sequence[LabelledSpan], gap_ms: int) -> None:
        """Everything before `through_ms` has settled; `rendered` is the timeline as shown, its gaps closed."""
        self.through_ms = through_ms
        self.carried = [
            (int(s.speaker_id[1:] or 0) - 1, s.start_ms, min(s.end_ms, through_ms))
            for s in rendered
            if s.start_ms < through_ms and s.end_ms > through_ms - gap_ms
        ]

    def hand_over(self, lost: int, heir: int) -> None:
        """Everything of one speaker is another's."""
        if lost in self.sums:
            total, mass = self.sums.pop(lost)
            before, own = self.sums.get(heir, (np.zeros(self.size), 0.0))
            self.sums[heir] = (before + total, own + mass)
        self.carried = [(heir if who == lost else who, start, end) for who, start, end in self.carried]
