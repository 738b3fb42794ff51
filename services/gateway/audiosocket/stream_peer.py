"""The other end of a TCP connection."""

import asyncio

from speakerline.services.gateway.dialects.audiosocket import HANG_UP
from speakerline.services.gateway.dialects.closing import ENDED

PIECE_BYTES = 65_536


class StreamPeer:
    """Peer over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._seen = b""
        """What `look` has read, and nobody has received."""

    async def look(self, size: int) -> bytes:
        """The first bytes, which `receive` gives again; fewer where the connection ends before."""
        while len(self._seen) < size and (piece := await self._read()):
            self._seen += piece
        return self._seen[:size]

    async def receive(self) -> bytes | None:
        if self._seen:
            seen, self._seen = self._seen, b""
            return seen
        return await self._read() or None

    async def send(self, text: str) -> None:
        """The protocol has no messages to Asterisk but the one that `close` sends."""

    async def close(self, code: int, reason: str) -> None:
        """With a request to hang up where the gateway ends the call."""
        try:
            if code != ENDED:
                self._writer.write(bytes((HANG_UP, 0, 0)))
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            pass  # the other end is gone

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(PIECE_BYTES)
        except OSError:
            return b""
