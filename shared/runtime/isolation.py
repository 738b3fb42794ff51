"""A model in a process of its own: where it hangs, crashes or eats the memory, that costs one batch, never the worker.

run ──> child? ──no──> start, load ──> ask ──answers──> done
          │ yes                         │
          └─────────────────────────────┤ raised ────────────────────────> ModelFailed, the child stays
                                        └ hung, crashed, out of memory ──> ModelFailed, the next run starts another

Where child after child is lost without an answer in between, the model rests: runs fail at once for a while.
"""

import pickle
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.runtime.isolated_process import IsolatedProcess, Lost

X = TypeVar("X")
Y = TypeVar("Y")

START_LIMIT_S = 300.0
"""How long loading a model may take the first time."""
AGAIN_LIMIT_S = 30.0
"""How long it may take later, or three times as long as the first time: its files are at hand then."""
REST_AFTER = 3
"""Losses in a row, of all who use the model, after which it rests."""
REST_S = 30.0

LOSSES = ("hung", "crashed", "out of memory")
"""Reasons of a ModelFailed that cost the model."""


class ModelFailed(SpeakerlineError, RuntimeError):
    """A model gave no answer. `reason`: one of LOSSES, "raised" (it refused its input), or "resting" (it was not even
    asked)."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class IsolatedModel(Generic[X, Y]):
    """`build` is called in the child and gives the function that maps a batch to answers, one for one. It must be
    picklable: a function of a module, or a partial of one with plain arguments.

    `limit_s` is the longest that one batch may take, `memory_mb` the most memory of the whole child, model and
    libraries included; `memory_option` names the option that sets it, for messages. `on_loss` gets the reason whenever
    a child was lost."""

    def __init__(
        self,
        build: Callable[[], Callable[[list[X]], list[Y]]],
        limit_s: float,
        memory_mb: float,
        name: str,
        on_loss: Callable[[str], None] = lambda reason: None,
        start_limit_s: float = START_LIMIT_S,
        rest_after: int = REST_AFTER,
        memory_option: str = "",
    ) -> None:
        self._build = pickle.dumps(build)
        self._limit_s = limit_s
        self._start_limit_s = start_limit_s
        self._memory_mb = memory_mb
        self._memory_option = memory_option
        self._name = name
        self._on_loss = on_loss
        self._rest_after = rest_after
        self._child: IsolatedProcess | None = None
        self._closed = False
        self._losses = 0
        """In a row."""
        self._rested_at = 0.0
        self._one_at_a_time = threading.Lock()

    def start(self) -> None:
        """Load the model now. Raises ModelFailed, or what `build` raised where that is a SpeakerlineError."""
        with self._one_at_a_time:
            self._refuse_if_closed()
            try:
                self._living_child()
            except SpeakerlineError:
                raise
            except Exception as error:
                raise ModelFailed(f"{self._name}: not loaded: {error}", "raised") from error

    def run(self, batch: list[X]) -> list[Y]:
        """Blocking, one batch at a time; to be called in an executor. Raises ModelFailed, and never anything else."""
        with self._one_at_a_time:
            self._refuse_if_closed()
            if self._losses >= self._rest_after and time.monotonic() < self._rested_at:
                raise ModelFailed(f"{self._name}: lost {self._losses} times in a row, not tried", "resting")
            try:
                request = pickle.dumps(batch)
            except Exception as error:
                raise ModelFailed(f"{self._name}: can't be asked: {error}", "raised") from error
            try:
                child = self._living_child()
            except ModelFailed:
                raise
            except Exception as error:
                self._lose("crashed")
                raise ModelFailed(f"{self._name}: not loaded: {error}", "crashed") from error
            answers = self._answers(child, request)
        if len(answers) != len(batch):
            raise ModelFailed(f"{self._name}: {len(answers)} answers to {len(batch)} inputs", "raised")
        return answers

    def close(self) -> None:
        """End the child, soon. A run under way fails, and so does every later one."""
        self._closed = True
        if child := self._child:
            child.stop()
        with self._one_at_a_time:
            if self._child:
                self._child.kill()
            self._child = None

    def _living_child(self) -> IsolatedProcess:
        if self._child is not None and not self._child.alive:
            self._lose("crashed")
        return self._child or self._load()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ModelFailed(f"{self._name}: closed", "crashed")

    def _load(self) -> IsolatedProcess:
        started = time.monotonic()
        try:
            child = self._child = IsolatedProcess(self._memory_mb)
            if self._closed:
                child.stop()
            kind, answer = pickle.loads(child.ask(self._build, self._start_limit_s))  # noqa: S301 - our own child
            child.check_memory()
        except Lost as lost:
            raise self._not_loaded(lost.reason, str(lost)) from lost
        if kind == "out of memory":
            raise self._not_loaded(kind, answer or "out of memory")
        if kind == "not loaded":
            child.kill()
            self._child = None
            raise answer
        again_s = max(AGAIN_LIMIT_S, 3 * (time.monotonic() - started))
        self._start_limit_s = min(self._start_limit_s, again_s)
        return child

    def _not_loaded(self, reason: str, text: str) -> ModelFailed:
        self._lose(reason)
        if reason == "out of memory" and self._memory_option:
            text += f"; {self._memory_option}={self._memory_mb:.0f} is too little for this model, expected more"
        return ModelFailed(f"{self._name}: not loaded: {text}", reason)

    def _answers(self, child: IsolatedProcess, request: bytes) -> list[Y]:
        try:
            kind, answer = self._unpacked(child.ask(request, self._limit_s))
        except Lost as lost:
            self._lose(lost.reason)
            raise ModelFailed(f"{self._name}: {lost}", lost.reason) from lost
        if kind == "out of memory" or child.too_large:
            self._lose("out of memory")
        if kind != "answered":
            raise ModelFailed(f"{self._name}: {answer}", kind)
        self._losses = 0
        return list(answer)

    def _unpacked(self, message: memoryview) -> tuple[str, Any]:
        try:
            kind, answer = pickle.loads(message)  # noqa: S301 - our own child
        except Exception as error:
            return "raised", f"an answer that can't be read: {error}"
        return kind, answer

    def _lose(self, reason: str) -> None:
        if self._child:
            self._child.kill()
        self._child = None
        if not self._closed:
            self._losses += 1
            self._rested_at = time.monotonic() + REST_S
            self._on_loss(reason)
