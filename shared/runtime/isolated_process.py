"""The outside of an IsolatedModel's process: starts it, asks it, ends it; nothing here waits beyond its time limit.

    ask ──> send and receive, whichever is possible ──> the answer
             │ each tick: still alive? too long? too much memory?
             └──────────────────────────────────────> killed, Lost

The one who asks does all the waiting, so there is no other thread to be late or to fail. That the process has ended is
not concluded from the end of the connection alone: a process forked from it or from this one may hold that open.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotStarted
from pathlib import Path

from speakerline.shared.runtime.isolated_child import HEADER
from speakerline.shared.runtime.run_queue import RunQueue

TICK_S = 0.05
"""How often a process at work is looked at."""
LONGEST_TICK_S = 0.5
"""What a tick counts for at most: while this process was stopped, no time has passed for an answer."""
SPAWN_LIMIT_S = 30.0
"""How long the system may take to make a process."""
KILL_LIMIT_S = 5.0
"""How long a killed process is waited for; one that hangs in a driver stays, and is left to the system."""
HEADROOM = 2.0
HEADROOM_MB = 2048 + 64 * (os.cpu_count() or 1)
"""The system refuses a process memory beyond HEADROOM times its limit and so much more. It counts what libraries merely
reserve, such as the stacks and buffers of their threads, so the limit itself is for `ask` to keep."""
CHUNK = 2**18
PEAK_KB = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
"""The most resident memory that a process has had, in /proc/PID/status."""


class Lost(Exception):
    """The process has ended, or was ended. `reason`: "hung", "crashed" or "out of memory"."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class IsolatedProcess:
    """A process of `shared.runtime.isolated_child`. One thread at a time may ask; any may `stop` it meanwhile.

    memory_mb: the most resident memory. Raises Lost where it can't be started in time, OSError where not at all."""

    def __init__(self, memory_mb: float) -> None:
        self._memory_mb = memory_mb
        self._process, self._socket = _spawn(memory_mb)
        self._end = weakref.finalize(self, _end, self._process, self._socket)
        self._buffer = memoryview(bytearray(CHUNK))
        self._stopped = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def too_large(self) -> bool:
        """Whether it has ever taken more memory than it may; False where the system does not say."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return False
        peak = PEAK_KB.search(status)
        return peak is not None and int(peak[1]) / 1024 > self._memory_mb

    def check_memory(self) -> None:
        """Raises Lost where it has taken more than it may."""
        if self.too_large:
            raise Lost("out of memory", f"took more than {self._memory_mb:.0f} MB")

    def ask(self, request: bytes, limit_s: float) -> memoryview:
        """Its answer. Raises Lost; then, and after any other error, the process is no more. `limit_s` is time in which
        it could run: waiting for a processor doesn't count."""
        try:
            return self._exchange(request, limit_s)
        except (EOFError, OSError) as error:
            self.kill()
            raise Lost("crashed", self._death()) from error
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """The end for the process; a waiting caller gets an error at the next tick."""
        self._stopped = True
        self._process.kill()

    def kill(self) -> None:
        self._end()

    def _exchange(self, request: bytes, limit_s: float) -> memoryview:
        self._socket.send(HEADER.pack(len(request)))
        outgoing, answer, queue = memoryview(request), bytearray(), RunQueue(self._process.pid)
        waited_s, seen = 0.0, time.monotonic()
        look_at = seen + TICK_S
        while True:
            ready = _ready(self._socket, bool(outgoing))
            if ready & select.POLLOUT:
                outgoing = outgoing[_send(self._socket, outgoing) :]
            if ready & ~select.POLLOUT:
                answer += _receive(self._socket, self._buffer)
                if len(answer) >= HEADER.size and len(answer) - HEADER.size >= HEADER.unpack_from(answer)[0]:
                    return memoryview(answer)[HEADER.size :]
            now = time.monotonic()
            waited_s, seen = waited_s + min(now - seen, LONGEST_TICK_S), now
            if now < look_at:
                continue
            look_at = now + TICK_S
            self._look(waited_s, limit_s, queue)
            if not ready and not self.alive:
                raise EOFError

    def _look(self, waited_s: float, limit_s: float, queue: RunQueue) -> None:
        if self._stopped:
            raise EOFError
        self.check_memory()
        if waited_s >= limit_s and waited_s - queue.delay_s() >= limit_s:
            raise Lost("hung", f"no answer for {limit_s:g} s")

    def _death(self) -> str:
        status = self._process.poll()
        if status is None:
            return "can't be ended"
        return f"ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _ready(connection: socket.socket, sending: bool) -> int:
    """What can be done now, as of poll(2); 0 = nothing within a tick."""
    poll = select.poll()
    poll.register(connection, select.POLLIN | (select.POLLOUT if sending else 0))
    found = poll.poll(TICK_S * 1000)
    return found[0][1] if found else 0


def _send(connection: socket.socket, outgoing: memoryview) -> int:
    try:
        return connection.send(outgoing[:CHUNK])
    except BlockingIOError:
        return 0


def _receive(connection: socket.socket, buffer: memoryview) -> memoryview:
    try:
        count = connection.recv_into(buffer)
    except BlockingIOError:
        return buffer[:0]
    if not count:
        raise EOFError
    return buffer[:count]


Started = tuple["subprocess.Popen[bytes]", socket.socket]


def _spawn(memory_mb: float) -> Started:
    future: Future[Started] = _starter.submit(_start, int(HEADROOM * memory_mb + HEADROOM_MB))
    try:
        return future.result(SPAWN_LIMIT_S)
    except BaseException as error:
        if not future.cancel():
            future.add_done_callback(_end_late)
        if isinstance(error, NotStarted):
            raise Lost("hung", f"no process could be started for {SPAWN_LIMIT_S:g} s") from error
        raise


def _end_late(future: "Future[Started]") -> None:
    if not future.cancelled() and not future.exception():
        _end(*future.result())


def _start(most_mb: int) -> Started:
    mine, other = socket.socketpair()
    with other:
        mine.setblocking(False)
        own = [str(other.fileno()), str(os.getpid()), str(most_mb)]
        path = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen(
            [sys.executable, "-m", "speakerline.shared.runtime.isolated_child", *own],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
            env={**os.environ, "PYTHONPATH": path},
        )
    return process, mine


def _end(process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
    process.kill()
    connection.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(KILL_LIMIT_S)


def _leave_signals_to_the_parent() -> None:
    """The mask is inherited by what is started from this thread: Ctrl-C and a stop of the service are not for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})


_starter = ThreadPoolExecutor(1, "isolation", _leave_signals_to_the_parent)
"""Processes are started from one thread that lives as long as this process: Linux ends them with the thread, not with
the process, that started them."""
