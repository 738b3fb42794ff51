"""How a stage runs its models: gathered over all its calls, off the event loop, each run counted and timed by name."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from speakerline.shared.runtime.batcher import Batcher
from speakerline.shared.runtime.isolation import START_LIMIT_S, IsolatedModel
from speakerline.shared.runtime.metrics import StageMetrics

X = TypeVar("X")
Y = TypeVar("Y")


class StageModels:
    """The models of one stage. At most `threads` runs at a time, and one of each model."""

    def __init__(self, stage: str, threads: int, metrics: StageMetrics) -> None:
        self._executor = ThreadPoolExecutor(threads, stage)
        self._metrics = metrics

    def inside(
        self,
        name: str,
        run: Callable[[list[X]], list[Y]],
        most: int,
        is_small: Callable[[list[X]], bool] = lambda batch: False,
    ) -> Batcher[X, Y]:
        """A model in this process. most: inputs of one run. is_small: see Batcher."""
        return Batcher(run, most, self._executor, partial(self._metrics.batch, name), is_small)

    def apart(
        self,
        name: str,
        build: Callable[[], Callable[[list[X]], list[Y]]],
        most: int,
        limit_s: float,
        memory_mb: float,
        memory_option: str,
        start_limit_s: float = START_LIMIT_S,
        load_now: bool = True,
    ) -> Batcher[X, Y]:
        """A model in a process of its own, as `isolated` gives it. Raises ModelFailed."""
        model = self.isolated(name, build, limit_s, memory_mb, memory_option, start_limit_s, load_now)
        return self.inside(name, model.run, most)

    def isolated(
        self,
        name: str,
        build: Callable[[], Callable[[list[X]], list[Y]]],
        limit_s: float,
        memory_mb: float,
        memory_option: str,
        start_limit_s: float = START_LIMIT_S,
        load_now: bool = True,
    ) -> IsolatedModel[X, Y]:
        """A model in a process of its own (see IsolatedModel), loaded now or at its first run, for one or more
        `inside`. Raises ModelFailed."""
        lost = partial(self._metrics.lost_model, name)
        model: IsolatedModel[X, Y] = IsolatedModel(
            build, limit_s, memory_mb, name, lost, start_limit_s, memory_option=memory_option
        )
        if load_now:
            model.start()
        return model
