"""How late a call is at a stage: its sound is due when it came, and no faster than it is spoken.

    arrived      |a b c d e f|              six seconds at once: after an outage, or from a file
    due          |a    |b    |c    |d ...   one second after the other; a call that is done earlier is due earlier
    handled      |a  |b  |c  |d  |e         faster than that: never late     a    |b        |c        |d     late

What lay there when the worker began with the call is not late at all. So a backlog is no lateness while it shrinks:
late is the sound that comes in faster than it is handled. All times are seconds of the clock of Redis.

While a worker does what lay there, it may make its other calls late. That is no sign of too much to do: in `own_lag_s`
all is due so much later.
"""

from dataclasses import dataclass

EARLY_S = 5.0
"""How much sooner than it was announced a call may have begun, or its clock have gone since."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry with all that it waited for: its place in the order of the inputs, and when it was there."""

    place_ms: int
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that begins.

    lag_s: how late; None where that says nothing, because its entries lay there before, or can't have been spoken yet.
    own_lag_s: without the time that the worker was catching up. catches_up: whether it is about what lay there."""

    lag_s: float | None = None
    own_lag_s: float = 0.0
    catches_up: bool = False


class Pace:
    """One call in the hands of one worker. `announced_at`: no sound is due before it can have been spoken."""

    def __init__(self, announced_at: float) -> None:
        self._started_at = announced_at - EARLY_S
        self._since: float | None = None
        """When the worker began with it."""
        self._last: Arrival | None = None
        """The end of what was begun last, with when it was due."""
        self._own_last: Arrival | None = None
        """The same, later by the time that the worker was catching up."""
        self._caught_up_s = 0.0

    def restart(self) -> None:
        """What lies there now was not in its hands."""
        self._since = self._last = self._own_last = None

    def begin(self, first: Arrival, last: Arrival, now: float, caught_up_s: float = 0.0) -> Begun:
        """With the entries from the first to the last. `caught_up_s`: how long the worker was catching up, in all."""
        if self._since is None:
            self._since = now
        held_up_s, self._caught_up_s = caught_up_s - self._caught_up_s, caught_up_s
        ahead = self.ahead(first, now)
        if first.arrived_at <= self._since:
            return Begun(catches_up=not ahead)
        due_at, self._last = self._next(self._last, first, last, now, 0.0)
        own_due_at, self._own_last = self._next(self._own_last, first, last, now, held_up_s)
        return Begun() if ahead else Begun(now - due_at, now - own_due_at)

    def ahead(self, first: Arrival, now: float) -> bool:
        """Whether it can't have been spoken yet."""
        return self._started_at + first.place_ms / 1000 > now

    def _next(
        self, before: Arrival | None, first: Arrival, last: Arrival, now: float, held_up_s: float
    ) -> tuple[float, Arrival]:
        """When the first is due, and the last with when it is."""
        due_at = min(now, self._due(first, before) + held_up_s) if before else now
        return due_at, Arrival(last.place_ms, self._due(last, Arrival(first.place_ms, due_at)))

    def _due(self, entry: Arrival, before: Arrival) -> float:
        spoken_s = (entry.place_ms - before.place_ms) / 1000
        return max(entry.arrived_at, before.arrived_at + spoken_s, self._started_at + entry.place_ms / 1000)
