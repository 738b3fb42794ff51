"""Where producers of calls connect: one WebSocket route for each dialect, `/twilio`, `/audiohook`, `/l16`, ..."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.responses import PlainTextResponse

from speakerline.services.gateway.auth.authenticate import authorize
from speakerline.services.gateway.auth.principal import Refused, Role
from speakerline.services.gateway.dialects.closing import TOO_LARGE, Violation, short_reason
from speakerline.services.gateway.dialects.table import DIALECTS
from speakerline.services.gateway.gateway import Gateway, gateway_of
from speakerline.services.gateway.inbox import Take
from speakerline.services.gateway.websocket import HEARING, Hear

router = APIRouter()


class SocketPeer:
    """Peer over a WebSocket that was accepted."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._hear: Hear = socket.scope["extensions"][HEARING]["hear"]
        self._open = True

    async def hear(self, take: Take) -> bool:
        if not self._open:
            return False
        over = await self._hear(take)
        if over is None:
            return True
        self._open = False
        if over.get("code") == TOO_LARGE:
            raise Violation(TOO_LARGE, "too_large", "a message that is too large")
        return False

    async def send(self, text: str) -> None:
        if self._open:
            await self._quietly(self._socket.send_text(text))

    async def close(self, code: int, reason: str) -> None:
        if self._open:
            self._open = False
            await self._quietly(self._socket.close(code, short_reason(reason)))

    async def _quietly(self, sending: Awaitable[None]) -> None:
        """The other end may be gone at any time."""
        try:
            await sending
        except (WebSocketDisconnect, RuntimeError, OSError):
            self._open = False


def _route(name: str) -> Callable[[WebSocket], Awaitable[None]]:
    async def serve(socket: WebSocket) -> None:
        gateway = gateway_of(socket)
        try:
            tenant = await _admitted(name, socket, gateway)
        except Refused as refused:
            gateway.refuse(refused)
            await socket.send_denial_response(PlainTextResponse(str(refused), refused.status))
            return
        with gateway.stopping.hold():
            offered = socket.scope.get("subprotocols") or [None]
            await socket.accept(subprotocol=offered[0])
            dialect = DIALECTS[name](dict(socket.query_params))
            await gateway.incoming.serve(name, dialect, SocketPeer(socket), tenant)

    serve.__doc__ = f"Calls of {name}."
    return serve


async def _admitted(name: str, socket: WebSocket, gateway: Gateway) -> str:
    """The tenant. Raises Refused."""
    if gateway.stopping.begun.is_set():
        raise Refused(503, "stopping", "this gateway is stopping: try another")
    tenant = await gateway.producers.tenant_of(name, socket)
    return (await authorize(socket, Role.PRODUCE)).tenant if tenant is None else tenant


for _name in DIALECTS:
    router.add_api_websocket_route(f"/{_name}", _route(_name), name=_name)


@router.websocket("/{path:path}")
async def _nobody(socket: WebSocket) -> None:
    """A mistyped path is told as such: without this it would be 403, as for a lack of rights."""
    paths = ", ".join(f"/{name}" for name in DIALECTS)
    await socket.send_denial_response(PlainTextResponse(f"no such path: producers of calls connect to {paths}", 404))
