"""The one door: who sends this request, or opens this socket, and whether that one may."""

from fastapi.requests import HTTPConnection

from speakerline.services.gateway.auth.principal import Principal, Refused, Role
from speakerline.services.gateway.gateway import gateway_of


async def authenticate(connection: HTTPConnection) -> Principal:
    """Who it is. Raises Refused."""
    return await gateway_of(connection).authority.identify(connection)


async def authorize(connection: HTTPConnection, role: Role) -> Principal:
    """Who it is, if that one has the role. Raises Refused with status 401 or 403."""
    principal = await authenticate(connection)
    if role not in principal.roles:
        raise Refused(403, "role", f"the role {role.value} is needed")
    return principal
