"""Ctrl-C, SIGTERM and SIGHUP (the terminal closes) cancel a command, also where it does not give way to the loop."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def cancel_on_signal(task: "asyncio.Task[Any]", numbers: tuple[signal.Signals, ...] = SIGNALS) -> None:
    """A signal cancels the task, so that what it started ends with it. What is ignored, as under nohup, stays so."""
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


@contextmanager
def interruptible() -> Iterator[None]:
    """Around long work without an `await`: a signal that would cancel the task raises CancelledError within it."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task
    watched = tuple(number for number in SIGNALS if loop.remove_signal_handler(number))
    for number in watched:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        cancel_on_signal(task, watched)


def _raise(number: int, frame: FrameType | None) -> None:
    raise asyncio.CancelledError
