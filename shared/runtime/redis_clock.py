"""The clock of Redis, by which every worker measures, so that no clock of a machine matters."""

import time
from collections.abc import Sequence


class RedisClock:
    """What Redis said the time was when it answered last, and how long ago that is; slow by what the answer took."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self.heard_at = time.monotonic()
        """The monotonic second of that answer."""

    def heard(self, answer: Sequence[bytes | int]) -> None:
        """What the command TIME gave: seconds and microseconds."""
        self._seconds, self.heard_at = int(answer[0]) + int(answer[1]) / 1e6, time.monotonic()

    def now(self) -> float:
        """The second since 1970 that it is now."""
        return self._seconds + time.monotonic() - self.heard_at
