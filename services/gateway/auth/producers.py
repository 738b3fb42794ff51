"""Who opens a producer's socket, where its vendor signs the request and the secret for that is configured."""

import asyncio
import base64
import binascii
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fastapi import WebSocket

from speakerline.services.gateway.auth.audiohook import FAILURE_TAKES_S, Client, Nonces, verify
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.auth.twilio import tenant_that_signed
from speakerline.services.gateway.intake.settings import IntakeSettings
from speakerline.shared.environment import InvalidSettings
from speakerline.shared.tenants import check_tenant


@dataclass(frozen=True, slots=True)
class Producers:
    """The secrets that producers sign with. `public_url`: the gateway as they see it."""

    public_url: str
    twilio: Mapping[str, str]
    """Tenants by auth token."""
    audiohook: Mapping[str, Client]
    """Clients by API key."""
    nonces: Nonces = field(default_factory=Nonces)

    @classmethod
    def of(cls, settings: IntakeSettings) -> "Producers":
        """Raises InvalidSettings for secrets that can't be read, and quotes none."""
        twilio = {token: tenant for tenant, token in _owned("intake_twilio_tokens", settings.twilio_tokens)}
        audiohook = dict(
            _client(tenant, key) for tenant, key in _owned("intake_audiohook_keys", settings.audiohook_keys)
        )
        if twilio and not settings.public_url:
            raise InvalidSettings("SPEAKERLINE_INTAKE_PUBLIC_URL='': Twilio signs it, expected such as wss://host")
        return cls(settings.public_url.rstrip("/"), twilio, audiohook)

    async def tenant_of(self, name: str, socket: WebSocket) -> str | None:
        """Whose calls come over this socket of dialect `name`, by the signature of its vendor; None where none is
        configured. Raises Refused."""
        if name == "twilio" and self.twilio:
            return self._twilio(socket)
        if name == "audiohook" and self.audiohook:
            return await self._audiohook(socket)
        return None

    def _twilio(self, socket: WebSocket) -> str:
        address = self.public_url + _target(socket)
        tenant = tenant_that_signed(self.twilio, address, socket.headers.get("x-twilio-signature", ""))
        if tenant is None:
            raise Refused(403, "signature", "no signature of a known account for this address")
        return tenant

    async def _audiohook(self, socket: WebSocket) -> str:
        began = time.monotonic()
        authority = urlsplit(self.public_url).netloc or socket.headers.get("host", "")
        client, problem = verify(
            self.audiohook, _target(socket), authority, dict(socket.headers), self.nonces, time.time()
        )
        if client is None:
            await asyncio.sleep(max(0.0, began + FAILURE_TAKES_S - time.monotonic()))
            raise Refused(401, "signature", problem)
        return client.tenant


def _target(socket: WebSocket) -> str:
    """Path and query, as they came."""
    raw = socket.scope.get("raw_path") or socket.url.path.encode()
    path, query = raw.decode("latin-1"), socket.url.query
    return f"{path}?{query}" if query else path


def _owned(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Pairs of tenant and secret, of `secret,tenant=secret`; base64 may end with `=`."""
    for part in filter(None, (one.strip() for one in text.split(","))):
        tenant, equals, secret = part.partition("=")
        if not equals or not secret.strip("=") or ":" in tenant:
            tenant, secret = "", part
        try:
            yield check_tenant(tenant), secret
        except ValueError as error:
            raise InvalidSettings(f"SPEAKERLINE_{name.upper()}: {error}") from error


def _client(tenant: str, text: str) -> tuple[str, Client]:
    key, _, secret = text.partition(":")
    try:
        return key, Client(tenant, base64.b64decode(secret, validate=True))
    except binascii.Error:
        problem = f"the secret of a key of {len(key)} characters: expected base64"
        raise InvalidSettings(f"SPEAKERLINE_INTAKE_AUDIOHOOK_KEYS: {problem}") from None
