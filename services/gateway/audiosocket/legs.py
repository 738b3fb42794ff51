"""The legs of one call, each on a connection of its own, as one connection that `Incoming` can serve.

leg 0: pieces ──┐
                ├──> [ inbox ] ──> | leg u8 | piece | ... ──> dialect of legs ──> one call, a channel a leg
leg 1: pieces ──┘
"""

import asyncio
from collections.abc import Sequence

from speakerline.services.gateway.audiosocket.stream_peer import StreamPeer
from speakerline.services.gateway.dialects.closing import ENDED
from speakerline.services.gateway.inbox import Inbox, Message, Take
from speakerline.shared.runtime.ending import end


class LegsPeer:
    """Peer over the legs that are connected. The call is over when none of them is, whoever was to come."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        """Set while the call waits for what the legs say: else they are read no further."""
        self._inbox = Inbox(self._wanted.set)
        self._legs: dict[int, StreamPeer] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self.over = asyncio.Event()
        """The call has ended, and no leg can join it."""

    def join(self, number: int, leg: StreamPeer) -> None:
        """From now on what the leg says is heard, too."""
        self._legs[number] = leg
        self._pumps.append(asyncio.create_task(self._pump(number, leg)))

    async def hear(self, take: Take) -> bool:
        return await self._inbox.hear(take) is None

    async def send(self, text: str) -> None:
        """The protocol has no messages."""

    async def close(self, code: int, reason: str) -> None:
        self.over.set()
        await end(self._pumps)
        for leg in self._legs.values():
            await leg.close(code, reason)

    async def _pump(self, number: int, leg: StreamPeer) -> None:
        def take(pieces: Sequence[Message]) -> bool:
            self._inbox.add([bytes((number,)) + piece for piece in pieces if isinstance(piece, bytes)])
            if not self._inbox.is_awaited:
                self._wanted.clear()
            return self._inbox.is_awaited

        while await leg.hear(take):
            await self._wanted.wait()
        await leg.close(ENDED, "")
        self._pumps.remove(asyncio.current_task())  # type: ignore[arg-type]
        if not self._pumps:
            self.over.set()
            self._inbox.put_nowait({"type": "over"})
