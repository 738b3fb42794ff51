"""Announcements of AudioSocket connections."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from speakerline.services.gateway.access import SECURED, Here, Producing
from speakerline.services.gateway.audiosocket.announcements import LIFE_S, Leg
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.bodies import read_json, takes
from speakerline.services.gateway.dialects.base import MAX_CHANNELS, Opened
from speakerline.services.gateway.intake.intake import Intake
from speakerline.services.gateway.routes.answers import PROBLEMS, Answers, Problem
from speakerline.shared.codec import check_call
from speakerline.shared.contract.v1 import Encoding

PORT = "SPEAKERLINE_INTAKE_AUDIOSOCKET_PORT"

router = APIRouter(tags=["calls"], dependencies=SECURED, responses=PROBLEMS)

MORE: Answers = {
    409: {"model": Problem, "description": "One of the UUIDs is announced already, or AudioSocket is off here."},
    413: {"model": Problem, "description": "The announcement is too large."},
}


class Announcement(BaseModel):
    legs: Annotated[list[UUID], Field(min_length=1, max_length=MAX_CHANNELS)]
    """The UUIDs of the connections, one for each channel of the call."""
    call_id: Annotated[str, Field(max_length=120)] = ""
    """Empty: that of the first leg."""
    parties: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=MAX_CHANNELS)] = []
    """What each leg carries, such as agent and customer."""
    metadata: dict[str, str] = {}
    language: Annotated[str, Field(max_length=40)] = ""


class Announced(BaseModel):
    call_id: str
    expires_in: int
    """Seconds in which each leg must connect."""


@router.post(
    "/audiosocket",
    summary="Announce connections of AudioSocket",
    status_code=201,
    openapi_extra=takes(Announcement),
    responses=MORE,
)
async def announce_legs(gateway: Here, principal: Producing, request: Request) -> Announced:
    """Connections with these UUIDs become the channels of one call of yours. They must come to the same gateway. The
    call begins with the first sound of either, and ends when neither is connected."""
    body = await read_json(request, Announcement)
    if not gateway.incoming.settings.audiosocket_port:
        raise Refused(409, "announcement", f"AudioSocket is off here: {PORT} names its port")
    uuids = [str(leg) for leg in body.legs]
    if len({*uuids}) < len(uuids):
        raise Refused(400, "announcement", "legs: expected UUIDs that differ")
    if len(body.parties) > len(uuids):
        raise Refused(400, "announcement", f"parties: expected at most {len(uuids)}, one for each leg")
    call = Opened(
        body.call_id or uuids[0],
        8000,
        Encoding.S16LE,
        len(uuids),
        tuple(body.parties),
        body.metadata,
        body.language,
    )
    check_call(Intake(call).announcement(principal.tenant, call.call_id))
    await gateway.announcements.announce(uuids, Leg(principal.tenant, 0, len(uuids), call))
    return Announced(call_id=call.call_id, expires_in=LIFE_S)
