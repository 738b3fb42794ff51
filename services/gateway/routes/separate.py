"""The streaming separators, as a socket."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, WebSocket
from starlette.types import Message

from speakerline.services.gateway.access import Here, Producing
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.live_separation import Algorithm, LiveSeparation

router = APIRouter()

FLUSH = "flush"
Hop = Annotated[float, Query(ge=0.1, le=5.0)]


@router.websocket("/separate")
async def separate(
    websocket: WebSocket,
    gateway: Here,
    principal: Producing,
    rate: Literal["8000", "16000"] = "8000",
    algorithm: Algorithm = "low_latency",
    hop_s: Hop = 1.0,
) -> None:
    """Send the sound of two people who talk at once, and get each voice as it is lifted out.

    First comes a text with `rate`, `voices`, `encoding`, `algorithm` and `latency_ms`; then, for the samples that are
    sent, frames as `services.gateway.live_separation` draws them. The text `flush` brings what is left and then
    `{"flushed": true}`; the next sound begins anew."""
    idle_s = gateway.settings.gateway_separation_idle_s
    with gateway.separations.hold(principal.tenant):
        await websocket.accept()
        separation = await asyncio.to_thread(LiveSeparation, int(rate), algorithm, hop_s)
        await websocket.send_json(separation.hello)
        while (message := await _next(websocket, idle_s))["type"] == "websocket.receive":
            if message.get("text") == FLUSH:
                frames = await asyncio.to_thread(separation.flush)
            elif message.get("bytes") is not None:
                frames = await asyncio.to_thread(separation.push, message["bytes"])
            else:
                raise Refused(400, "message", f"expected samples, or the text `{FLUSH}`")
            for frame in frames:
                await websocket.send_bytes(frame)
            if message.get("text") is not None:
                await websocket.send_json({"flushed": True})


async def _next(websocket: WebSocket, idle_s: float) -> Message:
    """What the other end sends. Raises Refused where it is silent for so long: it keeps others from a place."""
    try:
        return await asyncio.wait_for(websocket.receive(), idle_s)
    except asyncio.TimeoutError as error:
        raise Refused(409, "idle", f"nothing came for {idle_s:g} s") from error
