"""Finds what lies near a moment of a call, at a cost that does not grow with the call."""

from collections import defaultdict

BUCKET_MS = 10_000


class TimeIndex:
    """Ids of things that have a channel and a time span."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, int], set[str]] = defaultdict(set)
        self._places: dict[str, tuple[int, int, int]] = {}
        self.channels: set[int] = set()
        """All that ever had a thing."""

    def put(self, thing_id: str, channel: int, start_ms: int, end_ms: int) -> None:
        """Where the thing is, from now on."""
        place = (channel, start_ms // BUCKET_MS, end_ms // BUCKET_MS)
        if self._places.get(thing_id) == place:
            return
        self.remove(thing_id)
        self._places[thing_id] = place
        self.channels.add(channel)
        for bucket in range(place[1], place[2] + 1):
            self._buckets[channel, bucket].add(thing_id)

    def remove(self, thing_id: str) -> None:
        channel, first, last = self._places.pop(thing_id, (0, 0, -1))
        for bucket in range(first, last + 1):
            self._buckets[channel, bucket].discard(thing_id)

    def near(self, channel: int, start_ms: int, end_ms: int) -> set[str]:
        """All things that touch the span, and maybe some that lie within BUCKET_MS of it."""
        first, last = max(0, start_ms) // BUCKET_MS, max(0, end_ms) // BUCKET_MS
        buckets = (self._buckets.get((channel, bucket)) for bucket in range(first, last + 1))
        return {thing_id for bucket in buckets if bucket for thing_id in bucket}
