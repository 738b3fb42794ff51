"""Who sends a request, by whatever it carries.

Authorization: Bearer slk_...  or  X-API-Key: slk_...      a key of a service
Authorization: Bearer eyJ...                               a token of an identity provider
?ticket=eyJ...                                             a ticket, for EventSource and WebSocket
Cookie: speakerline=eyJ...                                 a person who has logged in
nothing                                                    everybody, where nothing of that is configured
"""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from fastapi.requests import HTTPConnection

from speakerline.services.gateway.auth.keys import PREFIX, ApiKeys
from speakerline.services.gateway.auth.login import Login
from speakerline.services.gateway.auth.origins import check_host, check_origin, is_loopback, name_in
from speakerline.services.gateway.auth.principal import ALL_ROLES, OPEN, Principal, Refused
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.auth.tickets import Tickets
from speakerline.services.gateway.auth.tokens import Tokens
from speakerline.shared.environment import InvalidSettings

SESSION = "speakerline"
"""The cookie of people who have logged in."""
SESSION_S = 8 * 3600
LEAST_KEY = 32
"""Bytes of a key for HS256 (RFC 7518, 3.2)."""


class Authority:
    """Made once for a process. `host`: where the gateway listens. `on_key_faults`: told what is wrong with the file of
    keys. Raises InvalidKeys, InvalidSettings."""

    def __init__(
        self, settings: AuthSettings, host: str, on_key_faults: Callable[[Sequence[str]], None] = lambda faults: None
    ) -> None:
        self._required = settings.required
        if not (self._required or is_loopback(host) or settings.open):
            raise InvalidSettings(
                f"SPEAKERLINE_GATEWAY_HOST={host!r}: expected SPEAKERLINE_AUTH_KEYS, _JWT_KEY or _JWKS_URL with it, "
                "so that not everybody may listen; SPEAKERLINE_AUTH_OPEN=true does without"
            )
        if 0 < len(settings.jwt_key.encode()) < LEAST_KEY:
            raise InvalidSettings(f"SPEAKERLINE_AUTH_JWT_KEY: expected at least {LEAST_KEY} bytes")
        self._origins = frozenset(origin.strip().rstrip("/").lower() for origin in settings.origins.split(","))
        self._names = frozenset(filter(None, map(name_in, (settings.public_url, *self._origins))))
        self._keys = ApiKeys(Path(settings.keys), on_key_faults) if settings.keys else None
        self._tokens = Tokens(settings)
        secret = settings.secret or secrets.token_urlsafe(32)
        self.tickets = Tickets(secret)
        self.sessions = Tickets(secret, "speakerline-session", SESSION_S, ALL_ROLES)
        self.login = Login(settings, secret) if settings.oidc_issuer else None
        if settings.oidc_issuer and not settings.public_url:
            raise InvalidSettings(
                "SPEAKERLINE_AUTH_PUBLIC_URL: expected the gateway's address, for SPEAKERLINE_AUTH_OIDC_ISSUER"
            )

    async def identify(self, connection: HTTPConnection) -> Principal:
        """Raises Refused."""
        check_origin(connection.headers, self._origins)
        if not self._required:
            check_host(connection.headers, self._names)
            return OPEN
        if secret := _bearer(connection):
            return await self._by_secret(secret)
        ticket = connection.query_params.get("ticket")
        if ticket and connection.scope.get("method", "GET") == "GET":
            return self.tickets.read(ticket)
        if session := connection.cookies.get(SESSION):
            return self.sessions.read(session)
        raise Refused(401, "credentials", "expected an API key or a token, as `Authorization: Bearer ...`")

    async def _by_secret(self, secret: str) -> Principal:
        if not secret.startswith(PREFIX):
            return await self._tokens.read(secret)
        principal = self._keys.find(secret) if self._keys else None
        if not principal:
            raise Refused(401, "key", "the API key is not known")
        return principal


def _bearer(connection: HTTPConnection) -> str:
    kind, _, value = connection.headers.get("authorization", "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else connection.headers.get("x-api-key", "")
