"""WebSockets of many producers, each of which sends 50 small messages a second.

data ──> whole frames ──> a usual message ──────────────────────> events ──> application
              └── all else: ping, close, part of a message ──> parser of websockets ──┘
there are no events ──> Pacer ──> read again, together with other sockets
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.speedups import apply_mask

from speakerline.services.gateway.pacer import Pacer

ALL = "speakerline.all"
"""The extension of ASGI whose `receive` gives a list: all events that are there. A task's turn for each would cost more
than what is done with it."""

Event = dict[str, Any]
ReceiveAll = Callable[[], Awaitable[list[Event]]]

KINDS: Mapping[int, Literal["text", "bytes"]] = {0x81: "text", 0x82: "bytes"}
"""By the first byte of a message in one frame (RFC 6455, section 5.2)."""
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


class Events:
    """As much of an `asyncio.Queue` as uvicorn uses, for one task that reads: one of them costs a tenth."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._waiter: asyncio.Future[None] | None = None

    def put_nowait(self, event: Event) -> None:
        self._events.append(event)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def empty(self) -> bool:
        return not self._events

    async def get(self) -> Event:
        await self._wait()
        return self._events.pop(0)

    async def all(self) -> list[Event]:
        """One at least."""
        await self._wait()
        events, self._events = self._events, []
        return events

    async def _wait(self) -> None:
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter


class PacedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, with a short way for usual messages."""

    def __init__(self, pacer: Pacer, **given: Any) -> None:
        super().__init__(**given)
        self.queue = self._events = Events()  # type: ignore[assignment]
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
            return
        data, at = self._rest + data if self._rest else data, 0
        while place := place_of_payload(data, at):
            start, end = place
            fits = end - start <= self.config.ws_max_size
            if end > len(data) and fits:
                break
            kind = KINDS.get(data[at]) if fits and data[at + 1] & MASKED and self._is_between_messages() else None
            if not (kind and self._take(kind, apply_mask(data[start:end], data[start - 4 : start]))):
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]

    def _is_between_messages(self) -> bool:
        """Whether nothing is closed, and no message has come in part."""
        return self.conn.state is OPEN and self.conn.current_size is None

    def _take(self, kind: Literal["text", "bytes"], payload: bytes) -> bool:
        """Whether it is a message: a text that is none is left to the parser."""
        try:
            message = payload.decode() if kind == "text" else payload
        except UnicodeDecodeError:
            return False
        self._events.put_nowait({"type": "websocket.receive", kind: message})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        return True

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self.scope["extensions"][ALL] = {"receive": self._receive_all}

    async def receive(self) -> Any:
        self._read_on()
        return await self._events.get()

    async def _receive_all(self) -> list[Event]:
        self._read_on()
        return await self._events.all()

    def _read_on(self) -> None:
        if self.read_paused and self._events.empty():
            self._pacer.ask(self._read)

    def _read(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()
