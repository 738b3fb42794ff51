"""All calls at a glance."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Response

from speakerline.services.gateway.access import SECURED, Here, Watching
from speakerline.services.gateway.event_stream import EventStream, block
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS

router = APIRouter(tags=["events"], dependencies=SECURED, responses=PROBLEMS)


@router.get(
    "/wallboard",
    summary="A row for each call, live (Server-Sent Events)",
    responses={200: {"description": "Rows as JSON.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def stream_wallboard(gateway: Here, principal: Watching) -> Response:
    """First `{"whole": true, "rows": [...]}`: these are all. Then, once a second at most, `{"rows": [...], "gone":
    [...]}`: rows that have changed, each to replace that of its `call_id`, and ids of calls to take off the board. What
    comes with `whole` replaces everything. Both have `away`, the numbers of shards that do not answer, and `shards`,
    how many there are: where some are away, and when that changes.

    A row: `call_id`, `at_ms`, `started_at`, `metadata`, `channels`, `speakers` (`speaker_id`, `name`,
    `talk_ratio`), `recent` (turns of the last minute: place in `speakers` or -1, start, end), `spoken_through_ms` (the
    end of the last turn), `talking` (channels with speech now), `speaker_id` (of the last turn), `text` (the last
    words), `gap_through_ms` and `degraded_through_ms` (where something was lost or left out last), `overlap_ms`,
    `silence_ms`, `interruptions` (talk statistics), `away` (its shard is: the row may be old), `ended`, `end_reason`.
    An ended call stays for a minute."""
    gateway.watchers.check(principal.tenant)
    return EventStream(_blocks(gateway, principal.tenant), gateway.stopping)


async def _blocks(gateway: Gateway, tenant: str) -> AsyncGenerator[bytes, None]:
    with gateway.watchers.hold(tenant), gateway.metrics.watching("wallboard"):
        async with aclosing(gateway.board.changes(tenant)) as changes:
            async for text in changes:
                yield block(text)
