"""How long something was under way, however many of it at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """`clock` gives the second that it is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._under_way = 0
        self._began = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """In all, up to now."""
        return self._seconds + (self._clock() - self._began if self._under_way else 0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Meanwhile one more is under way."""
        if not self._under_way:
            self._began = self._clock()
        self._under_way += 1
        try:
            yield
        finally:
            self._seconds, self._began = self.seconds, self._clock()
            self._under_way -= 1
