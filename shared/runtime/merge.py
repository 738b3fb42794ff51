"""Merges the inputs of one call by position, never by arrival, so that every run sees the same order.

    speech    ──e──e────e──────w         an entry passes when no input can still bring an earlier one;
    turns     ────e───w                  a watermark w says what an input will not bring any more
                      └ merged through

The order is (position + delay of the input, number of the input, order within the input).
"""

from collections import deque
from collections.abc import Sequence

from shared.keys import LAST_POSITION
from shared.runtime.log import Logged, through


class Merge:
    """`delays_ms` and `cursors` (id after which each input is read) have one element an input."""

    def __init__(self, delays_ms: Sequence[int], cursors: Sequence[tuple[int, int]]) -> None:
        self._delays = tuple(delays_ms)
        self._waiting: list[deque[Logged]] = [deque() for _ in delays_ms]
        self._through = [through(*cursor) for cursor in cursors]

    def offer(self, number: int, logged: Sequence[Logged]) -> None:
        """Entries of one input, as read."""
        if logged:
            self._waiting[number].extend(logged)
            self._through[number] = through(logged[-1].position, logged[-1].number)

    def take(self, at_most: int) -> tuple[list[tuple[int, Logged]], int]:
        """The next entries in merged order, each with the number of its input, and the position now passed.

        Watermarks come along, because cursors need them. Nothing at or before the position passed follows. Closing
        entries come along with the entry before them: by themselves they would say that time passes without an end."""
        taken: list[tuple[int, Logged]] = []
        bounds = self._bounds()
        while (number := self._next(bounds)) is not None:
            if len(taken) >= at_most and self._waiting[number][0].position != LAST_POSITION:
                break
            taken.append((number, self._waiting[number].popleft()))
        heads = [self._place(number, queue[0]) - 1 for number, queue in enumerate(self._waiting) if queue]
        return taken, min(bounds + heads)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._waiting)

    def waiting_of(self, number: int) -> int:
        return len(self._waiting[number])

    def _next(self, bounds: list[int]) -> int | None:
        heads = [(self._place(number, queue[0]), number) for number, queue in enumerate(self._waiting) if queue]
        if not heads:
            return None
        place, number = min(heads)
        for other, bound in enumerate(bounds):
            if not self._waiting[other] and other != number and bound < (place if other < number else place - 1):
                return None
        return number

    def _place(self, number: int, logged: Logged) -> int:
        return min(logged.position + self._delays[number], LAST_POSITION)

    def _bounds(self) -> list[int]:
        """Per input, the merged position up to which it brings nothing that has not been offered."""
        return [min(bound + delay, LAST_POSITION) for bound, delay in zip(self._through, self._delays, strict=True)]
