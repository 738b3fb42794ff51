"""Several things asked side by side, none of which outlives its question."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from speakerline.shared.runtime.ending import end

X = TypeVar("X")


async def together(asked: Iterable[Awaitable[X]]) -> list[X]:
    """Their answers, in order. Where one fails, or who asks is cancelled, the others have ended before that is raised:
    who tries again does not meet what is left of the first time."""
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        await end(tasks)
        raise
