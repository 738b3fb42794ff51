"""Stretches of time as sorted lists of half-open spans (start_ms, end_ms) that do not touch; pure."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
Spans = list[Span]


def merged(spans: Iterable[Span]) -> Spans:
    """Everything that is covered."""
    found: Spans = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def common(one: Iterable[Span], other: Sequence[Span]) -> Spans:
    """What both cover."""
    return merged((max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d))


def without(spans: Iterable[Span], taken: Iterable[Span]) -> Spans:
    """What of `spans` is left when `taken` is gone."""
    left = merged(spans)
    for start, end in merged(taken):
        left = [piece for a, b in left for piece in ((a, min(b, start)), (max(a, end), b)) if piece[1] > piece[0]]
    return left


def touches(span: Span, spans: Iterable[Span]) -> bool:
    """Whether they share an instant."""
    return any(start < span[1] and span[0] < end for start, end in spans)


def length(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)
