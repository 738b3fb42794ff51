"""Joins overlaps into the regions that are separated at once; pure.

    grid      |---------|---------|---------|---------|
    overlaps        ####|###   ## |         |              published at the grid point after them, in pieces
    region       ~~~#####################~~~|~~~           joined; with context before and after
    due                                     D              the first grid point that has all of its sound

What a region is follows from the overlaps and the grid alone, never from when it was looked at.
"""

from dataclasses import dataclass, field

from speakerline.shared.pipeline import SEPARATION_AFTER_MS, SEPARATION_BEFORE_MS

JOIN_MS = 500
"""Overlaps that are so near share their context anyway."""
LONGEST_MS = 8_000
"""A longer region is cut: its voices must not wait, and the model has its limits."""
SHORTEST_MS = 150
"""Less than a syllable: nothing that could be understood or separated."""


@dataclass(slots=True)
class Region:
    """Overlapped speech in [start_ms, end_ms) of a channel. voices: the most at one moment. due_ms: a grid point."""

    channel: int
    start_ms: int
    end_ms: int
    voices: int
    due_ms: int
    overlap_ids: list[str] = field(default_factory=list)

    @property
    def sound_ms(self) -> tuple[int, int]:
        """The region with its context; ends at `due_ms` at the latest."""
        end_ms = min(self.end_ms + SEPARATION_AFTER_MS, max(self.due_ms, self.end_ms))
        return max(0, self.start_ms - SEPARATION_BEFORE_MS), end_ms

    @property
    def too_short(self) -> bool:
        return self.end_ms - self.start_ms < SHORTEST_MS


class Regions:
    """The regions of a call that are not due yet."""

    def __init__(self, step_ms: int, waiting: list[Region] | None = None) -> None:
        """step_ms: the grid on which overlaps are published."""
        if step_ms <= 0:
            raise ValueError(f"step_ms must be positive, got {step_ms}")
        self._step_ms = step_ms
        self.waiting = waiting or []
        """In the order of their beginnings within a channel; only the last one of a channel may still grow."""

    def take(self, overlap_id: str, channel: int, start_ms: int, end_ms: int, voices: int, at_ms: int) -> None:
        """An overlap, published at `at_ms`; those of a channel come in order. `due` was called before it."""
        due_ms = self._grid(max(at_ms, end_ms + SEPARATION_AFTER_MS))
        last = next((one for one in reversed(self.waiting) if one.channel == channel), None)
        joins = last is not None and start_ms - last.end_ms <= JOIN_MS and end_ms - last.start_ms <= LONGEST_MS
        if last is None or not joins:
            self.waiting.append(Region(channel, start_ms, end_ms, voices, due_ms, [overlap_id]))
            return
        last.end_ms, last.voices = max(last.end_ms, end_ms), max(last.voices, voices)
        last.due_ms = max(last.due_ms, due_ms)
        last.overlap_ids.append(overlap_id)

    def due(self, through_ms: int) -> list[Region]:
        """Take out what is due by `through_ms`, in the order of due time, channel and start."""
        ready = [one for one in self.waiting if one.due_ms <= through_ms]
        self.waiting = [one for one in self.waiting if one.due_ms > through_ms]
        return sorted(ready, key=lambda one: (one.due_ms, one.channel, one.start_ms))

    def _grid(self, ms: int) -> int:
        return -(-ms // self._step_ms) * self._step_ms
