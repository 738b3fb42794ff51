"""A model in a process of its own: where it hangs, crashes or eats the memory, that costs one batch, never the worker.

run ──> child? ──no──> start, load ──> ask ──answers──> done
          │ yes                         │
          └─────────────────────────────┤ raised ────────────────────────> ModelFailed, the child stays
                                        └ hung, crashed, out of memory ──> ModelFailed, the next run starts another
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Generic, TypeVar

X = TypeVar("X")
Y = TypeVar("Y")

START_LIMIT_S = 300.0
"""How long loading a model may take."""

TICK_S = 0.05
"""How often a model at work is looked at."""

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class ModelFailed(RuntimeError):
    """A model gave no answer. `reason`: "raised" (it refused its input), "hung", "crashed" or "out of memory"."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class IsolatedModel(Generic[X, Y]):
    """`build` is called in the child and gives the function that maps a batch to answers, one for one. It must be
    picklable: a function of a module, or a partial of one with plain arguments.

    `limit_s` is the longest that one batch may take, `memory_mb` the most memory of the whole child, model and
    libraries included. `on_loss` hears the reason whenever a child was lost."""

    def __init__(
        self,
        build: Callable[[], Callable[[list[X]], list[Y]]],
        limit_s: float,
        memory_mb: float,
        name: str,
        on_loss: Callable[[str], None] = lambda reason: None,
        start_limit_s: float = START_LIMIT_S,
    ) -> None:
        self._build = pickle.dumps(build)
        self._limit_s = limit_s
        self._start_limit_s = start_limit_s
        self._memory_mb = memory_mb
        self._name = name
        self._on_loss = on_loss
        self._child: _Child | None = None
        self._one_at_a_time = threading.Lock()

    def start(self) -> None:
        """Load the model now. Raises what `build` raised (such as ModelMissing), or ModelFailed."""
        with self._one_at_a_time:
            self._living_child()

    def run(self, batch: list[X]) -> list[Y]:
        """Blocking, one batch at a time; to be called in an executor. Raises ModelFailed, and never anything else."""
        with self._one_at_a_time:
            try:
                child = self._living_child()
            except ModelFailed:
                raise
            except Exception as error:
                raise ModelFailed(f"{self._name}: not loaded: {error}", "crashed") from error
            kind, answer = self._ask(child, batch, self._limit_s)
        if kind != "answered":
            raise ModelFailed(f"{self._name}: {answer}", kind)
        if len(answer) != len(batch):
            raise ModelFailed(f"{self._name}: {len(answer)} answers to {len(batch)} inputs", "raised")
        return list(answer)

    def close(self) -> None:
        """End the child. A run under way fails; a later one starts another child."""
        if child := self._child:
            child.stop()
        with self._one_at_a_time:
            if self._child:
                self._child.kill()
            self._child = None

    def _living_child(self) -> "_Child":
        if self._child is not None and not self._child.alive:
            self._lose("crashed")
        if self._child is None:
            child = self._child = _Child()
            kind, answer = self._ask(child, self._build, self._start_limit_s)
            if kind == "not loaded":
                self._child = None
                child.kill()
                raise answer
            if kind != "ready":
                raise ModelFailed(f"{self._name}: not loaded: {answer}", kind)
        return self._child

    def _ask(self, child: "_Child", request: Any, limit_s: float) -> tuple[str, Any]:
        """What the child answered, or how it failed: "hung", "crashed" or "out of memory", with a text."""
        with _Watch(child, limit_s, self._memory_mb) as watch:
            try:
                kind, answer = child.ask(request)
            except (EOFError, OSError):
                child.kill()
                kind, answer = "crashed", child.death
        if watch.verdict:
            kind, answer = watch.verdict
        if kind in ("hung", "crashed", "out of memory"):
            self._lose(kind)
        return kind, answer

    def _lose(self, reason: str) -> None:
        if self._child:
            self._child.kill()
        self._child = None
        self._on_loss(reason)


class _Child:
    """A process that is not loaded yet."""

    def __init__(self) -> None:
        self._process, self._connection = _starter.submit(_start).result()
        self._end = weakref.finalize(self, _end, self._process, self._connection)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def death(self) -> str:
        status = self._process.wait()
        return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    @property
    def memory_mb(self) -> float:
        """Resident memory; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * PAGE_MB
        except (OSError, IndexError):
            return 0.0

    def ask(self, request: Any) -> tuple[str, Any]:
        """Raises EOFError or OSError where the child has ended."""
        if isinstance(request, bytes):
            self._connection.send_bytes(request)
        else:
            self._connection.send(request)
        kind, answer = self._connection.recv()
        return kind, answer

    def stop(self) -> None:
        """The end for the process; whoever asks it hears of that on the connection."""
        self._process.kill()

    def kill(self) -> None:
        self._end()


class _Watch:
    """Kills a child that takes too long or too much while it is asked. Counts its own ticks and not the clock: while
    this process was stopped, no time has passed for the child's answer."""

    def __init__(self, child: _Child, limit_s: float, memory_mb: float) -> None:
        self.verdict: tuple[str, str] | None = None
        self._child, self._limit_s, self._memory_mb = child, limit_s, memory_mb
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="isolation watch")

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        for _ in range(max(1, round(self._limit_s / TICK_S))):
            if self._done.wait(TICK_S):
                return
            if self._child.memory_mb > self._memory_mb:
                self.verdict = "out of memory", f"took more than {self._memory_mb:.0f} MB"
                break
        else:
            self.verdict = "hung", f"no answer for {self._limit_s:g} s"
        self._child.stop()


def _start() -> tuple["subprocess.Popen[bytes]", Any]:
    mine, other = Pipe()
    with other:
        command = [sys.executable, "-m", "shared.runtime.isolated_child", str(other.fileno()), str(os.getpid())]
        path = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
            env={**os.environ, "PYTHONPATH": path},
        )
    return process, mine


def _end(process: "subprocess.Popen[bytes]", connection: Any) -> None:
    process.kill()
    process.wait()
    connection.close()


def _leave_signals_to_the_parent() -> None:
    """The mask is inherited by what is started from this thread: Ctrl-C and a stop of the service are not for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


_starter = ThreadPoolExecutor(1, "isolation", _leave_signals_to_the_parent)
"""Children are started from one thread that lives as long as the process: Linux ends them with the thread, not with the
process, that started them."""
