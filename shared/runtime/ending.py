"""The end of background tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 1.0


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel them until all have ended, however they end. Where this is cancelled itself, that comes after.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, through which redis-py sends every command, loses a
    cancellation that comes at the same moment as its result, and the task goes on."""
    everyone = list(tasks)
    cancelled: asyncio.CancelledError | None = None
    while running := [task for task in everyone if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=AGAIN_S)
        except asyncio.CancelledError as error:
            cancelled = error
    await asyncio.gather(*everyone, return_exceptions=True)
    if cancelled:
        raise cancelled
