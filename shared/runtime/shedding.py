"""What is left out when there is too much to do: one ladder for all workers of a Redis, kept in Redis.

    level 0 <──> 1 separation <──> 2 denser embedding <──> 3 words while they are spoken      never: vad
             up when any stage stays behind the sound by more than the limit (shed.lua)
             down when all of them stay below a third of it for longer

Every worker reports the median lag of its steps about once a second and hears the level. Where Redis answers late or
not at all, the last known level stays.
"""

from collections.abc import Hashable
from statistics import median
from typing import Any

from redis.asyncio import Redis

from speakerline.shared.keys import SHEDDING
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import PIPELINE, StageSpec
from speakerline.shared.runtime import scripts
from speakerline.shared.runtime.metrics import StageMetrics

REPORT_S = 1.0
UP_AFTER_S = 2.0
DOWN_AFTER_S = 5.0
FRESH_S = 5.0
"""A report that is older counts no more: its worker has gone, or hangs."""

HIGHEST = max(spec.sheds_at for spec in PIPELINE)


class Lags:
    """How far the steps of a worker are behind the sound, since the last report. Times come from the caller."""

    def __init__(self) -> None:
        self._done: list[float] = []
        self._under_way: dict[Hashable, float] = {}
        self._reported = 0.0

    def begin(self, call: Hashable, due_at: float) -> None:
        """A step on what was due at this wall-clock second."""
        self._under_way[call] = due_at

    def end(self, call: Hashable, now: float, done: bool = True) -> None:
        due_at = self._under_way.pop(call)
        if done:
            self._done.append(now - due_at)

    def report(self, now: float) -> float:
        """Seconds, the median over steps: one slow call is no overload. 0 where nothing was to do.

        Where no step was done, those under way count; one that has just begun does not take back what was reported."""
        if self._done:
            lag_s = median(self._done)
        elif self._under_way:
            lag_s = max(self._reported, median(now - due_at for due_at in self._under_way.values()))
        else:
            lag_s = 0.0
        self._done, self._reported = [], max(0.0, lag_s)
        return self._reported


class Shedding:
    """The ladder as one worker of a stage sees it. `limit_s`: the lag that is too much; 0 = stays out of it all."""

    def __init__(
        self, redis: Redis, spec: StageSpec, worker: str, limit_s: float, metrics: StageMetrics, log: Log
    ) -> None:
        self.level = 0
        self.behind: dict[str, float] = {}
        """Seconds that each stage which is beyond the limit is behind."""
        self.name = spec.name
        self.limit_s = limit_s
        self.lags = Lags()
        self._redis = redis
        self._sheds_at = spec.sheds_at
        self._worker = worker
        self._metrics = metrics
        self._log = log

    @property
    def asked(self) -> int:
        """What a CallStage of this worker is told: 1 = do less."""
        return int(0 < self._sheds_at <= self.level)

    async def report(self, now: float) -> None:
        """Tell Redis, and hear the level. Raises what Redis raised; the level stays as it was then."""
        lag_s = self.lags.report(now)
        self._metrics.behind.set(lag_s)
        times_ms = [round(1000 * seconds) for seconds in (lag_s, self.limit_s, UP_AFTER_S, DOWN_AFTER_S)]
        arguments = (self._worker, self.name, *times_ms, HIGHEST, round(1000 * FRESH_S))
        self._update(await scripts.run(self._redis, "shed", [SHEDDING], *arguments))

    def _update(self, answer: list[Any]) -> None:
        before, self.level = self.level, int(answer[0])
        behind = {name.decode(): int(lag_ms) / 1000 for name, lag_ms in zip(answer[1::2], answer[2::2], strict=True)}
        self.behind = {spec.name: behind[spec.name] for spec in PIPELINE if spec.name in behind}
        self._metrics.shed_level.set(self.level)
        self._metrics.sheds.set(self.asked)
        if self.level != before:
            self._log.warning("shedding", shed_level=self.level, before=before, behind_s=self.behind)

    def __str__(self) -> str:
        """For operators; empty while all is well."""
        told = [f"shedding, level {self.level} of {HIGHEST}"] if self.level else []
        return "; ".join([*told, *(f"{name} is {lag_s:.1f} s behind" for name, lag_s in self.behind.items())])
