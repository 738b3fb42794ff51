"""Tickets: who has a key asks for one and puts it into the address of an EventSource or a WebSocket.

Browsers send no headers of a page's own there, and addresses end up in logs. So a ticket is good for a minute, for
watching and producing only, and no ticket gives another.
"""

import secrets
import time

import jwt

from speakerline.services.gateway.auth.principal import Principal, Refused, Role

LIFE_S = 60
FOR_SOCKETS = frozenset({Role.WATCH, Role.PRODUCE})
_ALGORITHM = "HS256"
_AUDIENCE = "speakerline-ticket"


class Tickets:
    """Signed with `secret`, or with one of this process alone."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret or secrets.token_urlsafe(32)

    def issue(self, principal: Principal, now: float | None = None) -> str:
        """A ticket for whoever has been authenticated. `now`: seconds since 1970."""
        until = (time.time() if now is None else now) + LIFE_S
        roles = sorted(role.value for role in principal.roles & FOR_SOCKETS)
        claims = {"aud": _AUDIENCE, "exp": int(until), "tenant": principal.tenant, "roles": roles}
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, ticket: str) -> Principal:
        """Who it was issued to. Raises Refused."""
        try:
            claims = jwt.decode(ticket, self._secret, [_ALGORITHM], {"require": ["exp"]}, audience=_AUDIENCE)
            return Principal(claims["tenant"], frozenset(Role(role) for role in claims["roles"]))
        except jwt.PyJWTError as error:
            raise Refused(401, "ticket", "the ticket is not valid, or more than a minute old") from error
