"""What an operator knows better than the system: who is who, and who said what."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from speakerline.services.gateway.access import SECURED, CallId, Here, Operating, call_of
from speakerline.services.gateway.amending import amend_archived
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.bodies import body_of
from speakerline.services.gateway.routes.answers import PROBLEMS, REFERENCE, UNKNOWN, Answers, Problem
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.shared.client.amendments import correct_or_amend
from speakerline.shared.client.corrections import CorrectionRefused
from speakerline.shared.timeline.corrections import read_correction

router = APIRouter(tags=["corrections"], dependencies=SECURED, responses=PROBLEMS)

LARGEST = 10_000
STATUSES = {"gone": 404, "ended": 409, "full": 409, "busy": 429}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="Correction")}}},
    }
}
MORE: Answers = {
    409: {"model": Problem, "description": "The call is just ending, is not whole, or has too many corrections."},
    413: {"model": Problem, "description": "The correction is too large."},
}


class Accepted(BaseModel):
    correction_id: str
    at_ms: int
    """Its place among the call's events: there the timeline says what became of it."""


@router.post(
    "/calls/{call_id}/corrections",
    summary="Correct a call",
    status_code=202,
    openapi_extra=BODY,
    responses={**UNKNOWN, **MORE},
)
async def correct_call(
    gateway: Here, principal: Operating, call_id: CallId, request: Request, archived: ArchiveId = ""
) -> Accepted:
    """The body is a Correction with an id of your own and one act. The timeline tells it, and what follows from it: of
    a call that runs with its next labels, of one that has ended at once.

    The same id again is the same correction, so that a client may repeat a request whose answer was lost. Who corrects
    is whom the credentials name; `by` counts where they name nobody."""
    internal = call_of(principal, call_id)
    there = not archived and await gateway.subscriber.exists(internal)
    if not there and await gateway.archive.snapshot(internal, int(archived or 0)) is None:
        raise Refused(404, "unknown", "no such call")
    said = read_correction(await body_of(request, LARGEST))
    said = replace(said, by=principal.name or said.by)
    try:
        if there:
            timeline = await gateway.subscriber.timeline(internal)
            taken = await correct_or_amend(gateway.shard_with(internal), timeline, said)
        else:
            taken = await amend_archived(gateway, internal, said, archived)
    except CorrectionRefused as error:
        raise Refused(STATUSES[error.reason], error.reason, str(error)) from error
    gateway.log.info("call corrected", call_id=internal, at_ms=taken.at_ms)
    return Accepted(correction_id=taken.correction_id, at_ms=taken.at_ms)
