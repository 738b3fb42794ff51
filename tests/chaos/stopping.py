"""Work that a signal may end before its time, so that what is known by then is still told."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def until_stopped(work: Coroutine[Any, Any, None]) -> str:
    """Do the work. Gives the name of the signal that ended it, or nothing. A second signal ends the process."""
    loop, task, told = asyncio.get_running_loop(), asyncio.create_task(work), list[str]()

    def stop(number: signal.Signals) -> None:
        told.append(number.name)
        unhandle()
        task.cancel()

    def unhandle() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        with suppress(asyncio.CancelledError):
            await task
    finally:
        unhandle()
    return told[0] if told else ""
