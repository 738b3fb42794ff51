"""Whether a worker has more to do than it can: then its stage leaves out what it can leave out, and nobody else does.

    full work ──late by more than the limit, and not catching up, for UP_AFTER_S──> less
       ^───────────late by less than a third of it for DOWN_AFTER_S────────────────┘

A worker judges by its own calls alone, and by nothing but how late its steps begin (pace.py), without the time that it
was catching up. So the backlog of another stage, another worker or another call takes nothing from a call, and neither
does one that shrinks.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from speakerline.shared.logs import Log
from speakerline.shared.pipeline import StageSpec
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.pace import Begun
from speakerline.shared.runtime.stopwatch import Stopwatch

REPORT_S = 1.0
UP_AFTER_S = 5.0
DOWN_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Of a worker, in seconds: the median over steps, as one late call is no overload. 0 where nothing was to do.
    `own_s`: without the time that it was catching up."""

    seconds: float = 0.0
    own_s: float = 0.0


class Lags:
    """How late the steps of a worker began, since the last report. `clock`: as that of Stopwatch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.catching_up = Stopwatch(clock)
        self._begun: list[Lag] = []
        self._under_way = 0
        self._reported = Lag()

    @contextmanager
    def step(self, begun: Begun) -> Iterator[None]:
        """One that begins."""
        with ExitStack() as under_way:
            if begun.catches_up:
                under_way.enter_context(self.catching_up.running())
            if begun.lag_s is not None:
                self._begun.append(Lag(begun.lag_s, begun.own_lag_s))
                under_way.enter_context(self._counted())
            yield

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def report(self) -> Lag:
        """While none began and some are under way, it is as before: what waits behind them is not known to be late."""
        if self._begun:
            self._reported = Lag(median(one.seconds for one in self._begun), median(one.own_s for one in self._begun))
        elif not self._under_way:
            self._reported = Lag()
        self._begun = []
        return self._reported


class Shedding:
    """What one worker of a stage does about it. `limit_s`: the lag that is too much; 0 = it leaves nothing out."""

    def __init__(
        self,
        spec: StageSpec,
        limit_s: float,
        metrics: StageMetrics,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.level = 0
        """What the calls of this worker are told: 1 = do less."""
        self.behind_s = 0.0
        self.lags = Lags(clock)
        self._name = spec.name
        self._sheds = spec.sheds and limit_s > 0
        self._limit_s = limit_s
        self._metrics = metrics
        self._log = log
        self._late: tuple[float, float] | None = None
        """Since when it has been beyond the limit without catching up, and by how much it was then."""
        self._calm_since: float | None = None

    def report(self, now: float) -> None:
        """Judge by the steps since the last report. `now` is the monotonic second."""
        lag = self.lags.report()
        self.behind_s = lag.seconds
        self._metrics.behind.set(self.behind_s)
        if self._sheds:
            self._judge(lag.own_s, now)

    def __str__(self) -> str:
        """For operators; empty while all is well."""
        late = f"{self._name} is {self.behind_s:.1f} s behind" if self.behind_s > self._limit_s > 0 else ""
        return "; ".join(filter(None, (late, "shedding" if self.level else "")))

    def _judge(self, lag_s: float, now: float) -> None:
        if lag_s <= self._limit_s:
            self._late = None
        elif self._late is None or lag_s < self._late[1]:
            self._late = (now, lag_s)
        if lag_s >= self._limit_s / 3:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        if not self.level and self._late and now - self._late[0] >= UP_AFTER_S:
            self._move(1)
        elif self.level and self._calm_since is not None and now - self._calm_since >= DOWN_AFTER_S:
            self._move(0)

    def _move(self, level: int) -> None:
        self.level = level
        self._metrics.sheds.set(level)
        self._log.warning("shedding" if level else "shedding no more", behind_s=round(self.behind_s, 1))
