"""Calls as they stand: which are running, what is known of one, its whole timeline; and erasing one."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Response
from fastapi.responses import RedirectResponse

from speakerline.services.gateway.access import SECURED, CallId, Erasing, Here, Watching, call_of
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import Gateway
from speakerline.services.gateway.routes.answers import PROBLEMS, REFERENCE, UNKNOWN, json_of
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.services.gateway.showing import shown_calls, shown_snapshot
from speakerline.shared.client.forget import forget
from speakerline.shared.contract.v1 import Snapshot
from speakerline.shared.redaction import call_digest
from speakerline.shared.tenants import split, tenant_of

router = APIRouter(tags=["calls"], dependencies=SECURED, responses=PROBLEMS)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="The first twelve digits of a SHA-256.")]

_LIST = {
    "type": "object",
    "required": ["calls"],
    "properties": {"calls": {"type": "array", "items": {"$ref": REFERENCE.format(model="CallStarted")}}},
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
    """The announcements of the tenant's calls that have not finished, as their producers sent them."""
    calls = [call for call in await gateway.subscriber.calls() if tenant_of(call.call_id) == principal.tenant]
    return _json(shown_calls(calls))


@router.get(
    "/digests/{digest}",
    summary="The page of a running call, by its digest",
    responses={303: {"description": "To the page of the call."}, **UNKNOWN},
    response_class=Response,
)
async def find_call(gateway: Here, principal: Watching, digest: Digest) -> Response:
    """Logs and metrics name calls by a digest: `printf %s ID | sha256sum | cut -c1-12`, ID as it is in Redis."""
    for call in await gateway.subscriber.calls():
        tenant, call_id = split(call.call_id)
        if tenant == principal.tenant and call_digest(call.call_id) == digest:
            return RedirectResponse(f"../call.html?id={quote(call_id, safe='')}", 303)
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
    whole = await snapshot_of(gateway, call_of(principal, call_id), archived)
    head = Snapshot(
        call_id=whole.call_id,
        seq=whole.seq,
        at_ms=whole.at_ms,
        call=whole.call,
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
async def read_timeline(gateway: Here, principal: Watching, call_id: CallId, archived: ArchiveId = "") -> Response:
    """Everything up to event `seq`. To keep it current, follow the events after `<seq>-<last of epochs>`."""
    return _json(shown_snapshot(await snapshot_of(gateway, call_of(principal, call_id), archived)))


@router.delete("/calls/{call_id}", summary="Erase a call", responses=UNKNOWN)
async def erase_call(gateway: Here, principal: Erasing, call_id: CallId) -> dict[str, int | str]:
    """Erase its sound, its timeline and its traces, also while it runs: its producer and its watchers hear of the end.

    `left`: what of it is still somewhere in reach of Redis, in words; empty where nothing is."""
    internal = call_of(principal, call_id)
    async with gateway.erasing:
        erased = await forget(gateway.settings.redis_url, internal)
    if not erased.deleted:
        raise Refused(404, "unknown", "no such call")
    gateway.log.info("call erased", call_id=internal, left=erased.left)
    return {"deleted": erased.deleted, "left": erased.left}


async def snapshot_of(gateway: Gateway, call_id: str, archived: str = "") -> Snapshot:
    """The call up to now, from the archive where Redis does not have it, or with this id in the archive. Raises Refused
    with status 404 where there is none."""
    if archived:
        snapshot = await gateway.archive.snapshot(call_id, int(archived))
    else:
        snapshot = await _in_redis(gateway, call_id) or await gateway.archive.snapshot(call_id)
    if snapshot is None:
        raise Refused(404, "unknown", "no such call")
    return snapshot


async def _in_redis(gateway: Gateway, call_id: str) -> Snapshot | None:
    snapshot = await gateway.subscriber.snapshot(call_id)
    if not snapshot.call:
        snapshot.call = await gateway.subscriber.announcement(call_id)
    return snapshot if snapshot.call else None


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
