"""`python -m speakerline.tools.bench.bare_server WHAT PORT`: what reading alone costs, to compare a gateway with.

WHAT is `tcp`, which answers the handshake of a WebSocket and reads no frame, or `websocket`, which reads all messages.
"""

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop

from speakerline.shared.runtime.server import Server

HOST = "127.0.0.1"


class _Reading(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._open = False

    def data_received(self, data: bytes) -> None:
        if not self._open:
            self._open = True
            self._transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


async def _taking(scope: Any, receive: Any, send: Any) -> None:
    """An application that takes every message, and does nothing with it."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


async def serve(what: str, port: int) -> None:
    """Until the process is killed."""
    if what == "tcp":
        server = await asyncio.get_running_loop().create_server(_Reading, HOST, port)
        await server.serve_forever()
    config = uvicorn.Config(
        _taking, HOST, port, ws="websockets-sansio", ws_per_message_deflate=False, log_config=None, lifespan="off"
    )
    await Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
