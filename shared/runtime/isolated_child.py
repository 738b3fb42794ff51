"""The inside of an IsolatedModel's process, started as this module with FD PARENT MOST_MB: builds a model, then
answers batch after batch over the socket FD until its parent is gone.

    parent ── build ──> load ──> ("ready", None) | ("not loaded", error) | ("out of memory", text)
           ── batch ──> model ──> ("answered", answers) | ("raised", text) | ("out of memory", text)

A message is 8 bytes of length, big-endian, and so many bytes of pickle.
"""

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from io import BufferedRWPair
from pathlib import Path
from typing import Any

HEADER = struct.Struct("!Q")
NVIDIA = Path("/dev/nvidiactl")
PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def die_with(parent: int) -> None:
    """Be killed when the parent ends, even in the middle of a computation (elsewhere than on Linux: after it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def take_no_more_than(most_mb: int) -> None:
    """Where the parent is too slow to notice what is taken, the system refuses it. Not beside a graphics card: how much
    its driver reserves of what is counted here is not known."""
    if NVIDIA.exists():
        return
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most_mb * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def be_the_first_to_go() -> None:
    """Where the machine runs out of memory, the kernel shall end this process and not the stage's worker."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def serve(stream: BufferedRWPair) -> None:
    """Until the parent closes its end."""
    model, told = _load(_receive(stream))
    _send(stream, told)
    while model:
        _send(stream, _answer(model, pickle.loads(_receive(stream))))  # noqa: S301 - from the one that started this


def _load(build: bytes) -> tuple[Callable[[list[Any]], list[Any]] | None, bytes]:
    try:
        return pickle.loads(build)(), pickle.dumps(("ready", None))  # noqa: S301 - from the one that started this
    except MemoryError as error:
        return None, pickle.dumps(("out of memory", str(error)))
    except Exception as error:
        return None, pickle.dumps(("not loaded", _portable(error)))


def _answer(model: Callable[[list[Any]], list[Any]], batch: list[Any]) -> bytes:
    try:
        return pickle.dumps(("answered", list(model(batch))))
    except MemoryError as error:
        return pickle.dumps(("out of memory", str(error)))
    except Exception as error:
        return pickle.dumps(("raised", f"{type(error).__name__}: {error}"))


def _receive(stream: BufferedRWPair) -> bytes:
    """Raises EOFError where the parent is gone."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    return stream.read(HEADER.unpack(header)[0])


def _send(stream: BufferedRWPair, message: bytes) -> None:
    stream.write(HEADER.pack(len(message)))
    stream.write(message)
    stream.flush()


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
    take_no_more_than(int(sys.argv[3]))
    os.set_inheritable(int(sys.argv[1]), False)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(socket.socket(fileno=int(sys.argv[1])).makefile("rwb"))
