"""Merges the inputs of one call by position, never by arrival, so that every run sees the same order.

    speech    ──e──e────e──────w         an entry passes when no input can still bring an earlier one;
    turns     ────e───w                  a watermark w says what an input will not bring any more
                      └ merged through

The order is (position + delay of the input, number of the input, order within the input). Entries of an input that is
not awaited pass as soon as they are there; only the end waits for them. Those of an inserted input have their place in
the order, but nothing waits for them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import Input
from speakerline.shared.runtime.log import Logged, through


class Merge:
    """`cursors`: the id after which each input is read; `passed_ms`: the merged position that has been passed."""

    def __init__(self, inputs: Sequence[Input], cursors: Sequence[tuple[int, int]], passed_ms: int = -1) -> None:
        self._inputs = tuple(inputs)
        self._waiting: list[deque[Logged]] = [deque() for _ in inputs]
        self._through = [through(*cursor) for cursor in cursors]
        self._passed_ms = passed_ms
        self.overtaken = False
        """Whether an inserted entry came at a position that has been passed: what came of that must be forgotten."""

    def offer(self, number: int, logged: Sequence[Logged]) -> None:
        """Entries of one input, as read."""
        if logged:
            self._waiting[number].extend(logged)
            self._through[number] = through(logged[-1].position, logged[-1].number)
            late = any(one.entry is not None and one.position <= self._passed_ms for one in logged)
            self.overtaken |= self._inputs[number].inserted and late

    def take(self, at_most: int, span_ms: int = LAST_POSITION) -> tuple[list[tuple[int, Logged]], int]:
        """The next entries in merged order, each with the number of its input, and the position now passed.

        At most so many, and within `span_ms`. What waited for an entry of another input has arrived with that.

        Watermarks come along, because cursors need them. Nothing at or before the position passed follows. Closing
        entries come along with the entry before them: by themselves they would say that time passes without an end."""
        taken: list[tuple[int, Logged]] = []
        bounds = [self._bound(number) for number in range(len(self._inputs))]
        while (number := self._next(bounds)) is not None:
            head = self._waiting[number][0]
            too_far = bool(taken) and self._place(number, head) - self._place(*taken[0]) > span_ms
            if (len(taken) >= at_most or too_far) and head.position != LAST_POSITION:
                break
            self._waiting[number].popleft()
            passable_at = self._passable_at(number, head)
            taken.append((number, head if passable_at == head.arrived_at else replace(head, arrived_at=passable_at)))
        held_back = [self._held_back(number, queue[0]) for number, queue in enumerate(self._waiting) if queue]
        through_ms = min(bounds + held_back)
        self._passed_ms = max(self._passed_ms, through_ms)
        return taken, through_ms

    @property
    def quiet_ms(self) -> int:
        """Nothing that is not taken and that the stage answers at once lies at or before this position."""
        return min(self._quiet(number) for number, source in enumerate(self._inputs) if source.answered)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._waiting)

    @property
    def arrivals(self) -> list[float]:
        """When the next entry of each input came, where one waits."""
        return [queue[0].arrived_at for queue in self._waiting if queue]

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

    def _passable_at(self, number: int, head: Logged) -> float:
        """The others that wait lie behind it: with their coming it was clear that nothing does before."""
        others = (queue[0].arrived_at for other, queue in enumerate(self._waiting) if queue and other != number)
        return max([head.arrived_at, *others]) if self._inputs[number].awaited else head.arrived_at

    def _place(self, number: int, logged: Logged) -> int:
        source = self._inputs[number]
        return min(logged.position + source.delay_ms, LAST_POSITION) if source.placed else -1

    def _quiet(self, number: int) -> int:
        coming = (one for one in self._waiting[number] if one.entry is not None or one.problem)
        return next((self._held_back(number, one) for one in coming), self._bound(number))

    def _held_back(self, number: int, head: Logged) -> int:
        """The merged position that can be passed while this entry waits."""
        return self._place(number, head) - 1 if self._inputs[number].placed else LAST_POSITION - 1

    def _bound(self, number: int) -> int:
        """The merged position up to which the input brings nothing that has not been offered."""
        bound, source = self._through[number], self._inputs[number]
        if source.inserted:
            return LAST_POSITION
        if source.awaited:
            return min(bound + source.delay_ms, LAST_POSITION)
        return LAST_POSITION if bound == LAST_POSITION else LAST_POSITION - 1
