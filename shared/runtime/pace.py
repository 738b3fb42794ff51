"""How late a call is at a stage: its sound is due when it came, and no faster than it is spoken.

    arrived      |a b c d e f|              six seconds at once: after an outage, or from a file
    due          |a    |b    |c    |d ...   one second after the other; a call that is done earlier is due earlier
    handled      |a  |b  |c  |d  |e         faster than that: never late     a    |b        |c        |d     late

What lay there when the worker began with the call is not late at all. So a backlog is no lateness while it shrinks:
late is the sound that comes in faster than it is handled. All times are seconds of the clock of Redis.
"""

from dataclasses import dataclass

EARLY_S = 5.0
"""How much sooner than it was announced a call may have begun, or its clock have gone since."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry with all that it waited for: its place in the order of the inputs, and when it was there."""

    place_ms: int
    arrived_at: float


class Pace:
    """One call in the hands of one worker. `announced_at`: no sound is due before it can have been spoken."""

    def __init__(self, announced_at: float) -> None:
        self._started_at = announced_at - EARLY_S
        self._since: float | None = None
        """When the worker began with it."""
        self._last: Arrival | None = None
        """The end of what was begun last, with when it was due."""

    def restart(self) -> None:
        """What lies there now was not in its hands."""
        self._since = self._last = None

    def begin(self, first: Arrival, last: Arrival, now: float) -> float | None:
        """How late it is, in seconds, to begin with the entries from the first to the last; None where that says
        nothing, because they lay there before, or can't have been spoken yet."""
        if self._since is None:
            self._since = now
        if first.arrived_at <= self._since:
            return None
        due_at = now if self._last is None else min(now, self._due(first, self._last))
        self._last = Arrival(last.place_ms, self._due(last, Arrival(first.place_ms, due_at)))
        return None if self.ahead(first, now) else now - due_at

    def ahead(self, first: Arrival, now: float) -> bool:
        """Whether it can't have been spoken yet."""
        return self._started_at + first.place_ms / 1000 > now

    def _due(self, entry: Arrival, before: Arrival) -> float:
        spoken_s = (entry.place_ms - before.place_ms) / 1000
        return max(entry.arrived_at, before.arrived_at + spoken_s, self._started_at + entry.place_ms / 1000)
