"""What comes over a connection: taken as it comes, or kept for the task that reads it.

add ──> somebody hears ──> `take`, at once: a turn of the task would cost more than what is done with a message
   └──> nobody does ─────> [ received ] ──> get, or the next who hears
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

Message = str | bytes
Event = dict[str, Any]
"""Of ASGI: the connection is over, for one."""

Take = Callable[[Sequence[Message]], bool]
"""Takes messages, or pieces of a stream. Whether it wants those that come next, too."""


class Inbox:
    """As much of an `asyncio.Queue` as uvicorn uses, for one task that reads: one of them costs a tenth.

    on_wait: called when the task has all that came, and waits."""

    def __init__(self, on_wait: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self._received: list[Message | Event] = []
        self._take: Take | None = None
        self._waiter: asyncio.Future[bool] | None = None
        """Of the task. Its result: whether `take` wants no more, and not that something else came."""

    @property
    def is_awaited(self) -> bool:
        """Whether the task waits for what comes next."""
        return self._waiter is not None and not self._waiter.done()

    def put_nowait(self, event: Event) -> None:
        """Add what ASGI calls an event."""
        if event["type"] == "websocket.receive":
            self.add([event["text"] if "text" in event else event["bytes"]])
        else:
            self._keep([event])

    def add(self, messages: Sequence[Message]) -> None:
        waiter, take = self._waiter, self._take
        if waiter is None or waiter.done() or take is None:
            self._keep(messages)
            return
        try:
            if not take(messages):
                waiter.set_result(True)
        except Exception as error:
            waiter.set_exception(error)

    async def get(self) -> Event:
        """The next event of ASGI."""
        if not self._received:
            await self._wait(None)
        first = self._received.pop(0)
        if isinstance(first, dict):
            return first
        return {"type": "websocket.receive", "text" if isinstance(first, str) else "bytes": first}

    async def hear(self, take: Take) -> Event | None:
        """Have `take` called with messages, as they come, until it wants no more: None; or until another event comes:
        that one. Raises what `take` raises."""
        while True:
            while self._received:
                first = self._received.pop(0)
                if isinstance(first, dict):
                    return first
                if not take([first]):
                    return None
            if await self._wait(take):
                return None

    def _keep(self, received: Sequence[Message | Event]) -> None:
        self._received += received
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(False)

    async def _wait(self, take: Take | None) -> bool:
        self._take, self._waiter = take, asyncio.get_running_loop().create_future()
        self._on_wait()
        return await self._waiter
