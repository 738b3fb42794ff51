"""A call as it happens: its events as Server-Sent Events and over WebSocket, from any place on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response, WebSocket, WebSocketDisconnect

from speakerline.services.gateway.access import SECURED, CallId, Here, Watching, call_of
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.cursor import Cursor
from speakerline.services.gateway.event_stream import EventStream, block
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS, REFERENCE, UNKNOWN
from speakerline.services.gateway.showing import shown_event
from speakerline.shared.client.subscriber import RawEvent, standing
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.runtime.ending import end
from speakerline.shared.timeline.parts import UnreadableTimeline

router = APIRouter(tags=["events"])

AFTER = "The id of the last event that you have, as `id:` gave it, or its `seq`: what follows it is sent."
After = Annotated[str, Query(description=AFTER, max_length=100)]
Wait = Annotated[bool, Query(description="Wait for a call that has not begun yet, instead of 404.")]
Resumed = Annotated[str, Header(alias="Last-Event-ID", description="As `after`; it goes first. Browsers send it.")]

DATA = {
    "type": "string",
    "description": "Blocks of `id:` and `data:`; each data is a TimelineEvent as JSON, with its `epoch`.",
    "contentMediaType": "application/json",
    "contentSchema": {"$ref": REFERENCE.format(model="TimelineEvent")},
}

ENDED = 1000
RESTART = 1012
TOO_SLOW = 4408


@router.get(
    "/calls/{call_id}/events",
    summary="The events of a call, live (Server-Sent Events)",
    dependencies=SECURED,
    responses={
        **PROBLEMS,
        **UNKNOWN,
        200: {
            "description": "Every event after the given place, then each as it is published.",
            "content": {"text/event-stream": {"schema": DATA}},
        },
        204: {"description": "The call has ended, and you have all of it: an EventSource stops here."},
    },
    response_class=Response,
)
async def stream_events(
    gateway: Here, principal: Watching, call_id: CallId, after: After = "", wait: Wait = False, resumed: Resumed = ""
) -> Response:
    """Each event once and in order, whatever breaks in between: keep the `id` and come back with it.

    Where Redis has lost events that you have, the next one is `restarted`: the call as it stands, instead of everything
    before; so it is of a call from the archive. The stream ends after `call_ended`, or with the call as it stands where
    it was corrected since, and when the call is erased."""
    cursor = Cursor.read(resumed or after)
    gateway.watchers.check(principal.tenant)
    internal = call_of(principal, call_id)
    if await _has_all(gateway, internal, cursor, wait):
        return Response(status_code=204)
    return EventStream(_blocks(gateway, internal, cursor, principal.tenant), gateway.stopping)


@router.websocket("/calls/{call_id}/events")
async def send_events(
    websocket: WebSocket, gateway: Here, principal: Watching, call_id: CallId, after: After = "", wait: Wait = False
) -> None:
    """The same events, each a text message. Closed with 1000 after the last, 1012 when the gateway stops, 4408 for a
    reader that is too slow; 4400, 4401, 4403 and 4404 tell what HTTP tells with 400 and so on."""
    internal, cursor = call_of(principal, call_id), Cursor.read(after)
    gateway.watchers.check(principal.tenant)
    has_all = await _has_all(gateway, internal, cursor, wait)
    await websocket.accept()
    code = ENDED if has_all else await _send_all(websocket, gateway, internal, cursor, principal.tenant)
    if code:
        await websocket.close(code)


async def _send_all(websocket: WebSocket, gateway: Gateway, call_id: str, cursor: Cursor, tenant: str) -> int:
    """Send until something ends it. Gives the code to close with; 0 where the other end has left."""
    stopped = asyncio.create_task(gateway.stopping.begun.wait())
    fed = asyncio.create_task(_feed(websocket, gateway, call_id, cursor, tenant))
    tasks = [stopped, fed, asyncio.create_task(_left(websocket))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if fed.done():
            return fed.result()
        return RESTART if stopped.done() else 0
    finally:
        await end(tasks)


async def _has_all(gateway: Gateway, call_id: str, cursor: Cursor, wait: bool) -> bool:
    """Whether nothing will follow. Raises Refused with 404 where there is no such call.

    Who has events of a call that is not there waits: Redis may have lost it, and its producer announces it again."""
    if not await gateway.subscriber.exists(call_id):
        if archived := await _archived(gateway, call_id):
            return cursor.is_end(archived.seq, archived.epochs)
        if (cursor.seq or wait) and not await gateway.subscriber.erased(call_id):
            return False
        raise Refused(404, "unknown", "no such call")
    if not cursor.seq:
        return False
    head = await gateway.subscriber.head(call_id)
    return head.ended and cursor.is_end(head.seq, head.epochs)


async def _archived(gateway: Gateway, call_id: str) -> Snapshot | None:
    """The newest call of this id in the archive, if it has ended: one that has not may begin anew in Redis."""
    snapshot = await gateway.archive.snapshot(call_id)
    return snapshot if snapshot and snapshot.ended else None


async def _events(gateway: Gateway, call_id: str, cursor: Cursor) -> AsyncGenerator[RawEvent, None]:
    """Every event after the place; of a call that Redis has let go, the call as it stands."""
    subscriber = gateway.subscriber
    if not await subscriber.exists(call_id) and (archived := await _archived(gateway, call_id)):
        yield standing(archived)
        return
    async with aclosing(subscriber.follow_raw(call_id, cursor.seq, cursor.epoch)) as events:
        async for event in events:
            yield event


async def _blocks(gateway: Gateway, call_id: str, cursor: Cursor, tenant: str) -> AsyncGenerator[bytes, None]:
    """Ends where the call as it stands is asked for and can't be read: whoever comes back is told so."""
    with suppress(UnreadableTimeline), gateway.watchers.hold(tenant), gateway.metrics.watching("sse"):
        async with aclosing(_events(gateway, call_id, cursor)) as events:
            async for event in events:
                if event.late:
                    gateway.metrics.slow.inc()
                    return
                gateway.metrics.told(event)
                yield block(shown_event(event.json, event.epoch, tenant), str(Cursor(event.seq, event.epoch)))


async def _feed(websocket: WebSocket, gateway: Gateway, call_id: str, cursor: Cursor, tenant: str) -> int:
    """Gives the code to close with: the timeline has ended, or the reader was too slow; 0 where that one has left."""
    with gateway.watchers.hold(tenant), gateway.metrics.watching("websocket"):
        async with aclosing(_events(gateway, call_id, cursor)) as events:
            async for event in events:
                if event.late:
                    gateway.metrics.slow.inc()
                    return TOO_SLOW
                try:
                    await websocket.send_text(shown_event(event.json, event.epoch, tenant).decode())
                except WebSocketDisconnect:
                    return 0
                gateway.metrics.told(event)
    return ENDED


async def _left(websocket: WebSocket) -> None:
    """Until the other end has gone; what it says meanwhile means nothing."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
