"""Server-Sent Events: blocks of text to a browser, until they end, the browser leaves, or the gateway stops.

    id: 42-3f9c                        : ping                    retry: 1800
    data: {"call_id": ...}             every 15 s of silence     when the gateway stops: come back then

WHATWG HTML, 9.2. A reader that takes nothing for half a minute is cut off.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator

from fastapi import Response
from starlette.types import Receive, Scope, Send

from speakerline.services.gateway.stopping import Stopping
from speakerline.shared.runtime.ending import end

PING_S = 15.0
STUCK_S = 30.0
RETRY_MS = (1000, 5000)
"""When a gateway stops, its watchers come to another one, spread over this time."""


def block(data: bytes, cursor: str = "") -> bytes:
    """One event; `data` has no line ends, as JSON has none."""
    return b"%sdata: %s\n\n" % (f"id: {cursor}\n".encode() if cursor else b"", data)


class EventStream(Response):
    """An answer that sends each block as it comes, and closes the generator of the blocks afterwards."""

    media_type = "text/event-stream"

    def __init__(self, blocks: AsyncGenerator[bytes, None], stopping: Stopping) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._blocks = blocks
        self._stopping = stopping
        self._began_at = 0.0
        """Since when a block has not been taken; 0 = none waits."""
        self._sent_at = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._write(send, b": hello\n\n")
        stopped = asyncio.create_task(self._stopping.begun.wait())
        fed = asyncio.create_task(self._feed(send))
        tasks = [stopped, fed, asyncio.create_task(self._ping(send)), asyncio.create_task(_left(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                await self._write(send, b"retry: %d\n\n" % random.randint(*RETRY_MS))
        finally:
            await end(tasks)
            await self._blocks.aclose()
        if fed.done() and not fed.cancelled():
            fed.result()
        await send({"type": "http.response.body", "body": b""})

    async def _feed(self, send: Send) -> None:
        async for text in self._blocks:
            await self._write(send, text)

    async def _ping(self, send: Send) -> None:
        """Returns when the reader is stuck."""
        while True:
            silent_s = time.monotonic() - self._sent_at
            if silent_s < PING_S:
                await asyncio.sleep(PING_S - silent_s)
            elif not self._began_at:
                await self._write(send, b": ping\n\n")
            elif time.monotonic() - self._began_at > STUCK_S:
                return
            else:
                await asyncio.sleep(1)

    async def _write(self, send: Send, text: bytes) -> None:
        self._began_at = time.monotonic()
        await send({"type": "http.response.body", "body": text, "more_body": True})
        self._began_at, self._sent_at = 0.0, time.monotonic()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
