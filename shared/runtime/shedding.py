"""Decides when a worker asks its calls to do less: when it stays behind the sound, and not because one call is slow.

level 0 ──median lag above limit for 2 windows──> level 1 ──median below a third of it for 5 windows──> level 0
"""

from statistics import median

WINDOW_S = 1.0
SLOW_WINDOWS = 2
FAST_WINDOWS = 5


class Shedding:
    """`limit_s`: the lag that is too much; 0 = never shed. Time comes from the caller."""

    def __init__(self, limit_s: float) -> None:
        self.level = 0
        self._limit_s = limit_s
        self._lags: list[float] = []
        self._since: float | None = None
        self._against = 0

    def stepped(self, lag_s: float, now: float) -> int:
        """A step was about sound that arrived `lag_s` ago. Gives the level."""
        if self._limit_s <= 0:
            return 0
        if self._since is None:
            self._since = now
        self._lags.append(lag_s)
        if now - self._since >= WINDOW_S:
            self._judge(median(self._lags))
            self._since, self._lags = now, []
        return self.level

    def _judge(self, lag_s: float) -> None:
        """Count windows in a row that speak against the present level."""
        against = lag_s < self._limit_s / 3 if self.level else lag_s > self._limit_s
        self._against = self._against + 1 if against else 0
        if self._against >= (FAST_WINDOWS if self.level else SLOW_WINDOWS):
            self.level, self._against = 1 - self.level, 0
