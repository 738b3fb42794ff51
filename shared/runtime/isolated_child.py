"""The inside of an IsolatedModel's process: `python -m shared.runtime.isolated_child FD PARENT` builds a model, then
answers batch after batch over the connection FD until its parent is gone.

    parent ── build (pickled) ──> load ──> ("ready", None) | ("not loaded", error)
           ── batch ───────────> model ──> ("answered", answers) | ("raised", text) | ("out of memory", text)
"""

import contextlib
import ctypes
import os
import pickle
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def die_with(parent: int) -> None:
    """Be killed when the parent ends, even in the middle of a computation (elsewhere than on Linux: after it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def be_the_first_to_go() -> None:
    """Where the machine runs out of memory, the kernel shall end this process and not the stage's worker."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def serve(connection: "Connection[Any, Any]") -> None:
    """Until the parent closes its end."""
    try:
        model = pickle.loads(connection.recv_bytes())()  # noqa: S301 - from the process that started this one
    except Exception as error:
        connection.send(("not loaded", _portable(error)))
        return
    connection.send(("ready", None))
    while True:
        connection.send_bytes(_answer(model, connection.recv()))


def _answer(model: Callable[[list[Any]], list[Any]], batch: list[Any]) -> bytes:
    try:
        return pickle.dumps(("answered", list(model(batch))))
    except MemoryError as error:
        return pickle.dumps(("out of memory", str(error)))
    except Exception as error:
        return pickle.dumps(("raised", f"{type(error).__name__}: {error}"))


def _portable(error: Exception) -> Exception:
    """The error itself where it can be sent, else one with its text."""
    try:
        same = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was just written
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return same if isinstance(same, Exception) else RuntimeError(str(error))


if __name__ == "__main__":
    die_with(int(sys.argv[2]))
    be_the_first_to_go()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))
