"""RTTM, the usual text form of "who spoke when" (NIST Rich Transcription 2009)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Segment:
    """`speaker` speaks in [start_s, end_s) seconds on a channel (0, 1, ...)."""

    speaker: str
    start_s: float
    end_s: float
    channel: int = 0


def read_rttm(path: Path) -> dict[str, list[Segment]]:
    """Segments by recording. A malformed line is an error that shows it."""
    calls: dict[str, list[Segment]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start, length = float(fields[3]), float(fields[4])
            segment = Segment(fields[7], start, start + length, max(int(fields[2]) - 1, 0))
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path}:{number} is not an RTTM SPEAKER line: {line!r}") from error
        calls.setdefault(fields[1], []).append(segment)
    return calls


def write_rttm(path: Path, call: str, segments: Iterable[Segment]) -> None:
    """Write one recording's segments; channels count from 1 in RTTM."""
    lines = [
        f"SPEAKER {call} {s.channel + 1} {s.start_s:.3f} {s.end_s - s.start_s:.3f} <NA> <NA> {s.speaker} <NA> <NA>\n"
        for s in segments
    ]
    path.write_text("".join(lines), "utf-8")
