"""Tickets for browsers."""

from fastapi import APIRouter
from pydantic import BaseModel

from speakerline.services.gateway.access import SECURED, Here, Known
from speakerline.services.gateway.auth.tickets import LIFE_S
from speakerline.services.gateway.routes.answers import PROBLEMS

router = APIRouter(tags=["access"], dependencies=SECURED, responses=PROBLEMS)


class Ticket(BaseModel):
    ticket: str
    """Goes into the address, as `?ticket=`."""
    expires_in: int
    """Seconds."""


@router.post("/tickets", summary="A ticket for EventSource or WebSocket")
async def issue_ticket(gateway: Here, principal: Known) -> Ticket:
    """Good for a minute, to open streams and sockets with; it has the roles `watch` and `produce`, if you have them."""
    return Ticket(ticket=gateway.authority.tickets.issue(principal), expires_in=LIFE_S)
