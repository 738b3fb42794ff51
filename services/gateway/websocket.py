"""WebSockets of many producers, each of which sends 50 small messages a second.

data ──> whole frames ──> usual messages ─────────────────────────> inbox ──> application
              └── all else: ping, close, part of a message ──> parser of websockets ──┘
the application waits ──> Pacer ──> read again, together with other sockets; few sockets are read by the loop
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.speedups import apply_mask

from speakerline.services.gateway.inbox import Event, Inbox, Message, Take
from speakerline.services.gateway.pacer import Pacer, read_now

HEARING = "speakerline.hearing"
"""The extension of ASGI that has `Inbox.hear` beside `receive`."""

Hear = Callable[[Take], Awaitable[Event | None]]

TEXT, BINARY = 0x81, 0x82
"""The first byte of a message in one frame (RFC 6455, section 5.2)."""
MASKED = 0x80


def place_of_payload(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame that begins at `at` begins and ends; None where its head is not whole."""
    if len(data) < at + 2:
        return None
    size, start = data[at + 1] & ~MASKED, at + 2
    if size > 125:
        begin, start = start, start + (2 if size == 126 else 8)
        size = int.from_bytes(data[begin:start], "big")
    if data[at + 1] & MASKED:
        start += 4
    return (start, start + size) if start <= len(data) else None


class PacedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, with a short way for usual messages."""

    def __init__(self, pacer: Pacer, **given: Any) -> None:
        super().__init__(**given)
        self.queue = self._inbox = Inbox(self._read_on)  # type: ignore[assignment]
        self._pacer = pacer
        self._rest = b""
        self._as_it_comes = False
        """Whether all goes to the parser as it comes: what came before the answer to the handshake did."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._pacer.sockets += 1

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._pacer.sockets -= 1

    def data_received(self, data: bytes) -> None:
        if not self.handshake_complete or self._as_it_comes:
            self._as_it_comes = self.handshake_initiated
            super().data_received(data)
        else:
            self._take_frames(self._rest + data if self._rest else data)
        if self._inbox.is_awaited:
            self._read_on()

    def _take_frames(self, data: bytes) -> None:
        """Those that are whole."""
        at = 0
        while (at := self._take_messages(data, at)) < len(data):
            place = place_of_payload(data, at)
            if not place or (place[1] > len(data) and place[1] - place[0] <= self.config.ws_max_size):
                break
            super().data_received(data[at : place[1]])
            at = place[1]
        self._rest = data[at:]

    def _take_messages(self, data: bytes, at: int) -> int:
        """Take usual messages from `at` on, and give where something else begins. They are texts and bytes, whole and
        masked, of less than 64 KiB, while nothing is closed and no message has come in part."""
        if self.conn.state is not OPEN or self.conn.current_size is not None:
            return at
        messages: list[Message] = []
        whole, largest = len(data), self.config.ws_max_size
        while at + 8 <= whole:
            kind, size, start = data[at], data[at + 1] - MASKED, at + 6
            if size == 126:
                size, start = data[at + 2] << 8 | data[at + 3], at + 8
            elif size == 127:
                break
            end = start + size
            if size < 0 or size > largest or end > whole:
                break
            payload = apply_mask(data[start:end], data[start - 4 : start])
            if kind == BINARY:
                messages.append(payload)
            elif kind == TEXT:
                try:
                    messages.append(payload.decode())
                except UnicodeDecodeError:
                    break
            else:
                break
            at = end
        if messages:
            self._inbox.add(messages)
            if not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()
        return at

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"][HEARING] = {"hear": self._inbox.hear}

    async def receive(self) -> Any:
        return await self._inbox.get()

    def _read_on(self) -> None:
        """The application waits: the pacer says when there is more, or else the loop."""
        if self.read_paused and not self._pacer.ask(self._read):
            self._leave_to_loop()

    def _read(self) -> None:
        """What is there. Where nothing is, the loop waits for more."""
        if data := b"" if self.transport.is_closing() else read_now(self.transport):
            self.data_received(data)
        else:
            self._leave_to_loop()

    def _leave_to_loop(self) -> None:
        self.read_paused = False
        self.transport.resume_reading()
