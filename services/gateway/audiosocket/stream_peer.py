"""The other end of a TCP connection."""

import asyncio
from typing import cast

from speakerline.services.gateway.dialects.audiosocket import HANG_UP
from speakerline.services.gateway.dialects.closing import ENDED
from speakerline.services.gateway.inbox import Take
from speakerline.services.gateway.pacer import READ_BYTES, Pacer, read_now


class StreamPeer:
    """Peer over TCP, which is read when the pacer says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pacer: Pacer) -> None:
        self._reader = reader
        self._writer = writer
        self._pacer = pacer
        self._transport = cast(asyncio.Transport, writer.transport)
        self._transport.pause_reading()
        self._seen = b""
        """What `look` has read, and nobody has received."""

    async def look(self, size: int) -> bytes:
        """The first bytes, which `hear` gives again; fewer where the connection ends before."""
        while len(self._seen) < size and (piece := await self._read()):
            self._seen += piece
        return self._seen[:size]

    async def hear(self, take: Take) -> bool:
        while piece := self._seen or await self._read():
            self._seen = b""
            if not take([piece]):
                return True
        return False

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
        if not self._pacer.ask(self._read_on):
            self._read_on()
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""
        finally:
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._transport.is_closing():
            return
        if data := read_now(self._transport):
            self._reader.feed_data(data)
        else:
            self._transport.resume_reading()
