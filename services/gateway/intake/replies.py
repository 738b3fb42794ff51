"""Messages to a producer, in the order in which its dialect has numbered them, though several tasks have something to
say: Genesys takes a number that is left out, or comes late, for a fault."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Replies:
    """`send`: gives a message to the producer; waits while that takes none. Who is cancelled meanwhile leaves the
    message to the next."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._texts: deque[str] = deque()
        self._one_at_a_time = asyncio.Lock()

    async def say(self, text: str) -> None:
        """Send what is numbered already; nothing where it is empty."""
        if text:
            self._texts.append(text)
        async with self._one_at_a_time:
            await self._send_all()

    async def say_next(self, text_of: Callable[[], str]) -> None:
        """Send what `text_of` gives when the producer has taken all before: it numbers the message only then."""
        async with self._one_at_a_time:
            await self._send_all()
            if text := text_of():
                self._texts.append(text)
                await self._send_all()

    async def _send_all(self) -> None:
        while self._texts:
            await self._send(self._texts[0])
            self._texts.popleft()
