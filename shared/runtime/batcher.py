"""Gathers what many calls ask for at the same moment, and does it at once: model runs, commits."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

X = TypeVar("X")
Y = TypeVar("Y")


class Gatherer(Generic[X, Y]):
    """`run` maps a list of inputs to outputs, one for one; an exception among them is raised where it was asked for.

    While one batch runs, the next one gathers; at most `max_batch` inputs go into one run."""

    def __init__(self, run: Callable[[list[X]], Awaitable[Sequence[Y | Exception]]], max_batch: int) -> None:
        self._run = run
        self._max_batch = max_batch
        self._waiting: list[tuple[X, asyncio.Future[Y]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, x: X) -> Y:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Y] = loop.create_future()
        self._waiting.append((x, future))
        if self._running is None:
            self._running = loop.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._max_batch], self._waiting[self._max_batch :]
                await self._settle([(x, future) for x, future in batch if not future.done()])
        finally:
            self._running = None

    async def _settle(self, batch: list[tuple[X, "asyncio.Future[Y]"]]) -> None:
        answers: Sequence[Y | Exception]
        try:
            answers = await self._run([x for x, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} inputs: expected one for one")
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


class Batcher(Gatherer[X, Y]):
    """Runs a model off the event loop. `run` must not let the inputs of a batch influence each other.

    Where a run fails, each of its inputs is tried alone, so that only the culprit's call fails. `is_small` tells of a
    batch whether its run is so short that it had better be on the event loop: to hand it to a thread, and to hear of
    its end, takes some tenths of a millisecond. `on_batch` gets the size and the seconds of each run."""

    def __init__(
        self,
        run: Callable[[list[X]], list[Y]],
        max_batch: int,
        executor: Executor | None = None,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
        is_small: Callable[[list[X]], bool] = lambda batch: False,
    ) -> None:
        super().__init__(self._answers, max_batch)
        self._model = run
        self._executor = executor
        self._on_batch = on_batch
        self._is_small = is_small

    async def _answers(self, batch: list[X]) -> list[Y | Exception]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            if self._is_small(batch):
                answers = self._model(batch)
            else:
                answers = await loop.run_in_executor(self._executor, self._model, batch)
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [answer for x in batch for answer in await self._answers([x])]
        self._on_batch(len(batch), loop.time() - started)
        return list(answers)
