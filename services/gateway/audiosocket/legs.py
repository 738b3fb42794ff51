"""The legs of one call, each on a connection of its own, as one connection that `Incoming` can serve.

leg 0: pieces ──┐
                ├──> [ queue ] ──> | leg u8 | piece | ... ──> dialect of legs ──> one call, a channel a leg
leg 1: pieces ──┘
"""

import asyncio

from speakerline.services.gateway.audiosocket.stream_peer import StreamPeer
from speakerline.services.gateway.dialects.closing import ENDED
from speakerline.shared.runtime.ending import end

PIECES = 100
"""That wait; the connections are read no further meanwhile."""


class LegsPeer:
    """Peer over the legs that are connected. The call is over when none of them is, whoever was to come."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(PIECES)
        self._legs: dict[int, StreamPeer] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self.over = asyncio.Event()
        """The call has ended, and no leg can join it."""

    def join(self, number: int, leg: StreamPeer) -> None:
        """From now on what the leg says is heard, too."""
        self._legs[number] = leg
        self._pumps.append(asyncio.create_task(self._pump(number, leg)))

    async def receive(self) -> list[bytes] | None:
        piece = await self._queue.get()
        return [piece] if piece else None

    async def send(self, text: str) -> None:
        """The protocol has no messages."""

    async def close(self, code: int, reason: str) -> None:
        self.over.set()
        await end(self._pumps)
        for leg in self._legs.values():
            await leg.close(code, reason)

    async def _pump(self, number: int, leg: StreamPeer) -> None:
        while pieces := await leg.receive():
            for piece in pieces:
                await self._queue.put(bytes((number,)) + piece)
        await leg.close(ENDED, "")
        self._pumps.remove(asyncio.current_task())  # type: ignore[arg-type]
        if not self._pumps:
            self.over.set()
            await self._queue.put(b"")
