"""Arithmetic on time intervals: pairs (start_ms, end_ms), the end excluded."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
Spans = list[Span]


def union(spans: Iterable[Span]) -> Spans:
    """The same time as disjoint spans in order; those that touch become one, empty ones vanish."""
    joined: Spans = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def subtract(spans: Iterable[Span], others: Iterable[Span]) -> Spans:
    """What of `spans` lies outside all `others`, as disjoint spans in order."""
    holes = union(others)
    left: Spans = []
    for start, end in union(spans):
        for hole_start, hole_end in holes:
            if hole_end <= start:
                continue
            if hole_start >= end:
                break
            if hole_start > start:
                left.append((start, hole_start))
            start = hole_end
        if start < end:
            left.append((start, end))
    return left


def common(spans: Iterable[Span], others: Sequence[Span]) -> Spans:
    """What lies inside both, as disjoint spans in order."""
    return union((max(a, c), min(b, d)) for a, b in spans for c, d in others)


def clip(spans: Iterable[Span], start_ms: int, end_ms: int) -> Spans:
    """What of each span lies within [start_ms, end_ms)."""
    cut = ((max(start, start_ms), min(end, end_ms)) for start, end in spans)
    return [(start, end) for start, end in cut if start < end]


def length(spans: Sequence[Span]) -> int:
    """Milliseconds covered by disjoint spans."""
    return sum(end - start for start, end in spans)
