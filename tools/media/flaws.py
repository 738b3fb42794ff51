"""What was wrong with a file and how it was used all the same: one line for each kind of flaw."""

from dataclasses import dataclass, field

MAX_SPANS = 100


@dataclass(slots=True)
class Flaws:
    """Flaws of the audio that were repaired; times in seconds of the file."""

    truncated: bool = False
    """Whether the file ends before its declared length, or in the middle of a packet."""
    damaged_packets: int = 0
    hole_s: float = 0.0
    """Seconds of silence inserted where time stamps jump, so that later audio keeps its time."""
    start_s: float = 0.0
    """Silence before the sound, where it starts later than the recording."""
    invalid_samples: int = 0
    """The number of NaN and infinite samples, which were replaced with 0."""
    invalid_spans_s: list[tuple[float, float]] = field(default_factory=list)
    """Where they were: the first 100 spans."""
    clipped_samples: int = 0
    """Samples beyond full scale, which were clipped."""
    notes: list[str] = field(default_factory=list)
    """What is known of the file as a whole, one line each."""

    def add_invalid(self, start_s: float, end_s: float, count: int) -> None:
        self.invalid_samples += count
        spans = self.invalid_spans_s
        if spans and start_s - spans[-1][1] < 0.001:
            spans[-1] = (spans[-1][0], end_s)
        elif len(spans) < MAX_SPANS:
            spans.append((start_s, end_s))

    def warnings(self) -> list[str]:
        """One line of text for each kind of flaw."""
        lines = list(self.notes)
        if self.start_s:
            lines.append(f"the sound starts at {self.start_s:.1f} s: silence stands before it, so that times are right")
        if self.truncated:
            lines.append("truncated: the file ends before its declared length; the audio up to there was used")
        if self.damaged_packets:
            lines.append(f"{self.damaged_packets} damaged packets skipped")
        if self.hole_s:
            lines.append(f"{self.hole_s:.1f} s of silence inserted where time stamps jump")
        if self.invalid_samples:
            first = self.invalid_spans_s[0][0]
            lines.append(f"{self.invalid_samples} samples were not finite, the first at {first:.3f} s: replaced with 0")
        if self.clipped_samples:
            lines.append(f"{self.clipped_samples} samples beyond full scale: clipped")
        return lines
