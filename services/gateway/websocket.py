"""WebSockets of many producers, each of which sends 50 small messages a second.

data ──> whole frames ──> a usual message ──────────────────────> queue ──> application
              └── all else: ping, close, part of a message ──> parser of websockets ──┘
the queue is empty ──> Pacer ──> read again, together with other sockets
"""

from collections.abc import Mapping
from typing import Any, Literal

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN
from websockets.speedups import apply_mask

from speakerline.services.gateway.pacer import Pacer

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


class PacedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, with a short way for usual messages."""

    def __init__(self, pacer: Pacer, **given: Any) -> None:
        super().__init__(**given)
        self._pacer = pacer
        self._rest = b""
        self._as_it_comes = False
        """Whether all goes to the parser as it comes: what came before the answer to the handshake did."""

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
            if fits and data[at] in KINDS and data[at + 1] & MASKED and self._is_between_messages():
                self._take(KINDS[data[at]], apply_mask(data[start:end], data[start - 4 : start]))
            else:
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]

    def _is_between_messages(self) -> bool:
        """Whether nothing is closed, and no message has come in part."""
        return self.conn.state is OPEN and self.conn.current_size is None

    def _take(self, kind: Literal["text", "bytes"], payload: bytes) -> None:
        self.curr_msg_data_type, self.frames = kind, [payload]
        self.send_receive_event_to_app()

    async def receive(self) -> Any:
        if self.read_paused and self.queue.empty():
            self._pacer.ask(self._read, len(self.connections))
        return await self.queue.get()

    def _read(self) -> None:
        if self.read_paused and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()
