"""Calls as they stand: which are running, what is known of one, its whole timeline; and erasing one."""

import asyncio
import gzip
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import RedirectResponse

from speakerline.services.gateway.access import SECURED, CallId, Erasing, Here, Watching, call_of
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS, REFERENCE, UNKNOWN, json_of
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.services.gateway.showing import shown_calls, shown_snapshot, shown_timeline
from speakerline.shared.contract.v1 import CallStarted, Snapshot
from speakerline.shared.redaction import call_digest
from speakerline.shared.tenants import split, tenant_of
from speakerline.shared.timeline.stored import StoredTimeline

router = APIRouter(tags=["calls"], dependencies=SECURED, responses=PROBLEMS)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="The first twelve digits of a SHA-256.")]

LARGE = 20_000
"""Bytes of an answer from which on it is compressed for those who take that."""
FASTEST = 1
"""The level of compression: of two hours it makes a tenth in some 10 ms, and a higher one hardly less."""

_LIST = {
    "type": "object",
    "required": ["calls"],
    "properties": {
        "calls": {"type": "array", "items": {"$ref": REFERENCE.format(model="CallStarted")}},
        "away": {"type": "array", "items": {"type": "integer"}},
    },
}


@router.get(
    "/calls",
    summary="Calls that are running",
    responses={
        200: {"description": "Their announcements, oldest first.", "content": {"application/json": {"schema": _LIST}}}
    },
    response_class=Response,
)
async def list_calls(gateway: Here, principal: Watching) -> Response:
    """The announcements of the tenant's calls that have not finished, as their producers sent them.

    `away`: the numbers of shards that do not answer now. Their calls are not in the list."""
    running = await gateway.subscriber.running()
    calls = [call for call in running.calls if tenant_of(call.call_id) == principal.tenant]
    return _json(shown_calls(calls, running.away))


@router.get(
    "/digests/{digest}",
    summary="The page of a running call, by its digest",
    responses={303: {"description": "To the page of the call."}, **UNKNOWN},
    response_class=Response,
)
async def find_call(gateway: Here, principal: Watching, digest: Digest) -> Response:
    """Logs and metrics name calls by a digest: `printf %s ID | sha256sum | cut -c1-12`, ID as it is in Redis."""
    running = await gateway.subscriber.running()
    for call in running.calls:
        tenant, call_id = split(call.call_id)
        if tenant == principal.tenant and call_digest(call.call_id) == digest:
            return RedirectResponse(f"../call.html?id={quote(call_id, safe='')}", 303)
    if running.away:
        raise Refused(503, "away", "a part of Redis is away: try again")
    raise Refused(404, "unknown", "no running call has this digest")


@router.get(
    "/calls/{call_id}",
    summary="What is known of a call",
    responses={**json_of(Snapshot, "A snapshot without turns, words and other lists."), **UNKNOWN},
    response_class=Response,
)
async def read_call_head(gateway: Here, principal: Watching, call_id: CallId, archived: ArchiveId = "") -> Response:
    """Its announcement, speakers, statistics and end. Readable while the call runs, for an hour after it, and then from
    the archive, where there is one."""
    stored, call = await _stored(gateway, call_of(principal, call_id), archived)
    whole = stored.head()
    head = Snapshot(
        call_id=whole.call_id,
        seq=whole.seq,
        at_ms=whole.at_ms,
        call=whole.call or call,
        speakers=whole.speakers,
        finalized_through_ms=whole.finalized_through_ms,
        ended=whole.ended,
        end_reason=whole.end_reason,
        call_summary=whole.call_summary,
        epochs=whole.epochs,
    )
    return _json(shown_snapshot(head))


@router.get(
    "/calls/{call_id}/timeline",
    summary="The timeline as it stands",
    responses={**json_of(Snapshot, "The call up to event `seq`."), **UNKNOWN},
    response_class=Response,
)
async def read_timeline(
    gateway: Here,
    principal: Watching,
    call_id: CallId,
    archived: ArchiveId = "",
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Everything up to event `seq`. To keep it current, follow the events after `<seq>-<last of epochs>`."""
    stored, call = await _stored(gateway, call_of(principal, call_id), archived)
    return await asyncio.to_thread(_timeline, stored, call, "gzip" in accept_encoding)


@router.delete("/calls/{call_id}", summary="Erase a call", responses=UNKNOWN)
async def erase_call(gateway: Here, principal: Erasing, call_id: CallId) -> dict[str, int | str]:
    """Erase its sound, its timeline and its traces, also while it runs: its producer and its watchers hear of the end.

    `left`: what of it is still somewhere in reach of Redis, in words; empty where nothing is."""
    internal = call_of(principal, call_id)
    erased = await gateway.erasing(internal)
    if not erased.deleted:
        raise Refused(404, "unknown", "no such call")
    gateway.log.info("call erased", call_id=internal, left=erased.left)
    return {"deleted": erased.deleted, "left": erased.left}


async def snapshot_of(gateway: Gateway, call_id: str, archived: str = "") -> Snapshot:
    """The call up to now, from the archive where Redis does not have it, or with this id in the archive. Raises Refused
    with status 404 where there is none."""
    stored, call = await _stored(gateway, call_id, archived)
    snapshot = await asyncio.to_thread(stored.snapshot)
    snapshot.call = snapshot.call or call
    return snapshot


async def _stored(gateway: Gateway, call_id: str, archived: str) -> tuple[StoredTimeline, CallStarted | None]:
    """The same, unread, and its announcement, where that is not in it yet."""
    if not archived:
        stored = await gateway.subscriber.stored(call_id)
        call = None if stored.announced else await gateway.subscriber.announcement(call_id)
        if stored.announced or call:
            return stored, call
    if found := await gateway.archive.stored(call_id, int(archived or 0)):
        return found, None
    raise Refused(404, "unknown", "no such call")


def _timeline(stored: StoredTimeline, call: CallStarted | None, packed: bool) -> Response:
    content = shown_timeline(stored, call)
    if not packed or len(content) < LARGE:
        return _json(content)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(gzip.compress(content, FASTEST), media_type="application/json", headers=headers)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
