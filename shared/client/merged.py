"""Several streams of things as one, in the order in which they come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from speakerline.shared.runtime.ending import end

X = TypeVar("X")


async def merged(streams: Sequence[AsyncGenerator[X, None]]) -> AsyncGenerator[tuple[int, X], None]:
    """What each of them gives, with its number, until all have ended; one waits in memory of each. Closes them.

    Raises what any of them raises."""
    if len(streams) == 1:
        async with aclosing(streams[0]) as stream:
            async for one in stream:
                yield 0, one
        return
    coming = {asyncio.create_task(_next(stream)): number for number, stream in enumerate(streams)}
    try:
        while coming:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                number = coming[task]
                try:
                    one = task.result()
                except StopAsyncIteration:
                    del coming[task]
                    continue
                yield number, one
                del coming[task]
                coming[asyncio.create_task(_next(streams[number]))] = number
    finally:
        await end(coming)
        for stream in streams:
            await stream.aclose()


async def _next(stream: AsyncGenerator[X, None]) -> X:
    return await anext(stream)
