"""Bearer tokens (JWT, RFC 7519) of an identity provider: the signature by a shared key, or by keys from its JWKS."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx
import jwt

from speakerline.services.gateway.auth.principal import Principal, Refused, Role
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.shared.tenants import DEFAULT, InvalidTenant, check_tenant

SHARED = ["HS256"]
PUBLIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Never those with a shared key beside them: a public key would then pass for a shared one (RFC 8725, 3.1)."""
LEEWAY_S = 10
NAME_CLAIMS = ("name", "email", "sub")
"""Who it is, for people: the first that the token has (OpenID Connect Core 1.0, 5.1)."""
FETCH_S = 5.0
AGAIN_S = 10.0
"""The keys are read no more often than this, however many tokens are signed with unknown ones."""
RENEW_S = 3600.0
"""Keys that are older are read again."""


class Tokens:
    """Reads the tokens that the settings allow."""

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._keys = Jwks(settings.jwks_url) if settings.jwks_url else None

    async def read(self, token: str) -> Principal:
        """Whose token it is. Raises Refused."""
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if self._keys and algorithm in PUBLIC:
                claims = self._claims(token, await self._keys.find(jwt.get_unverified_header(token).get("kid")), PUBLIC)
            elif self._settings.jwt_key:
                claims = self._claims(token, self._settings.jwt_key, SHARED)
            else:
                raise Refused(401, "token", "the token is signed in a way that is not allowed here")
            return self._principal(claims)
        except (jwt.PyJWTError, InvalidTenant, ValueError) as error:
            raise Refused(401, "token", f"the token is not valid: {_why(error)}") from error

    def _claims(self, token: str, key: Any, algorithms: list[str]) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms,
            {"require": ["exp"]},
            audience=self._settings.jwt_audience or None,
            issuer=self._settings.jwt_issuer or None,
            leeway=LEEWAY_S,
        )
        return claims

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        told = claims.get(self._settings.roles_claim, ())
        words = told.split() if isinstance(told, str) else told if isinstance(told, list) else ()
        names = (claims.get(claim) for claim in NAME_CLAIMS)
        name = next((name for name in names if isinstance(name, str) and name), "")
        return Principal(self._tenant(claims), frozenset(role for role in Role if role.value in words), name)

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        if not (claim := self._settings.tenant_claim):
            return DEFAULT
        if not isinstance(tenant := claims.get(claim), str):
            raise ValueError(f"expected the claim {claim!r} to name its tenant")
        return check_tenant(tenant)


class Jwks:
    """The public keys of an identity provider (RFC 7517), fetched when a token names one that is not known.

    Every hour they are fetched again, beside those that ask: a key that was withdrawn there is then unknown here."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked_at = self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK:
        """The key. Nobody waits who names a known one. Raises jwt.PyJWTError where there is none."""
        if key_id not in self._keys:
            await self._renew()
        elif time.monotonic() - self._fetched_at > RENEW_S and not self._fetching.locked():
            self._renewing = asyncio.create_task(self._renew_quietly())
        if key_id not in self._keys:
            raise jwt.InvalidKeyError("it is signed with an unknown key")
        return self._keys[key_id]

    async def _renew(self) -> None:
        async with self._fetching:
            if time.monotonic() - self._asked_at > AGAIN_S:
                self._asked_at = time.monotonic()
                self._keys = {key.key_id: key for key in await self._fetch()}
                self._fetched_at = time.monotonic()

    async def _renew_quietly(self) -> None:
        """Where the provider is away, the keys that it had stay."""
        with suppress(jwt.PyJWTError):
            await self._renew()

    async def _fetch(self) -> list[jwt.PyJWK]:
        try:
            async with httpx.AsyncClient(timeout=FETCH_S) as client:
                answer = (await client.get(self._url)).raise_for_status()
                return jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, ValueError) as error:
            raise jwt.InvalidKeyError("the keys of the identity provider can't be read") from error


def _why(error: Exception) -> str:
    """Without what the token says: the messages of PyJWT quote none of its claims but these of ours."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "it has expired"
    if isinstance(error, jwt.InvalidKeyError | ValueError) and not isinstance(error, InvalidTenant):
        return str(error) or "malformed"
    return type(error).__name__
