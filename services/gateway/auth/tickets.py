"""Tickets: who has a key asks for one and puts it into the address of an EventSource or a WebSocket.

Browsers send no headers of a page's own there, and addresses end up in logs. So a ticket is good for a minute, for
watching and producing only, and no ticket gives another.
"""

import time
from typing import Any

import jwt

from speakerline.services.gateway.auth.principal import Principal, Refused, Role

LIFE_S = 60
FOR_SOCKETS = frozenset({Role.WATCH, Role.PRODUCE})
_ALGORITHM = "HS256"


class Tickets:
    """Signed with `secret`. `audience`: what they are for; the same text is good for nothing else."""

    def __init__(
        self,
        secret: str,
        audience: str = "speakerline-ticket",
        life_s: int = LIFE_S,
        roles: frozenset[Role] = FOR_SOCKETS,
    ) -> None:
        self._secret, self._audience, self._life_s, self._roles = secret, audience, life_s, roles

    def issue(self, principal: Principal, now: float | None = None) -> str:
        """A ticket for whoever has been authenticated. `now`: seconds since 1970."""
        until = (time.time() if now is None else now) + self._life_s
        roles = sorted(role.value for role in principal.roles & self._roles)
        claims: dict[str, Any] = {"aud": self._audience, "exp": int(until), "tenant": principal.tenant, "roles": roles}
        claims |= {"name": principal.name} if principal.name else {}
        return jwt.encode(claims, self._secret, _ALGORITHM)

    def read(self, ticket: str) -> Principal:
        """Who it was issued to. Raises Refused."""
        try:
            claims = jwt.decode(ticket, self._secret, [_ALGORITHM], {"require": ["exp"]}, audience=self._audience)
            roles = frozenset(Role(role) for role in claims["roles"])
            return Principal(claims["tenant"], roles, claims.get("name", ""))
        except jwt.PyJWTError as error:
            raise Refused(401, "ticket", f"not valid, or older than {self._life_s} s") from error
