"""What a route needs of whoever asks, as FastAPI dependencies."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBearer

from speakerline.services.gateway.auth.authenticate import authenticate, authorize
from speakerline.services.gateway.auth.principal import Principal, Role
from speakerline.services.gateway.gateway import Gateway, gateway_of
from speakerline.shared.keys import check_call_id
from speakerline.shared.tenants import owned

SECURED = [Depends(HTTPBearer(auto_error=False, description="an API key, or a JWT"))]
"""For the OpenAPI document; `authorize` is what decides."""


class Needs:
    """A dependency: the principal, if that one has the role."""

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, connection: HTTPConnection) -> Principal:
        return await authorize(connection, self._role)


Known = Annotated[Principal, Depends(authenticate)]
Here = Annotated[Gateway, Depends(gateway_of)]
Producing = Annotated[Principal, Depends(Needs(Role.PRODUCE))]
Watching = Annotated[Principal, Depends(Needs(Role.WATCH))]
Operating = Annotated[Principal, Depends(Needs(Role.OPERATE))]
Erasing = Annotated[Principal, Depends(Needs(Role.ERASE))]

CallId = Annotated[str, Path(description="The id that the producer gave the call, percent-encoded.", max_length=600)]


def call_of(principal: Principal, call_id: str) -> str:
    """The id in Redis of what this tenant calls so, from the raw path. Raises InvalidCallId, InvalidTenant."""
    return check_call_id(owned(principal.tenant, unquote(call_id)))
