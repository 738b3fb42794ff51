"""Login of people by OpenID Connect: code flow with PKCE (RFC 7636), then a signed cookie for a working day.

/login ──> identity provider ──> /login/callback?code&state ──> its token endpoint ──> cookie, and back to the page
   └─ a cookie with state, nonce and verifier, for ten minutes ──┘
"""

import secrets
import warnings
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from authlib.common.errors import AuthlibBaseError

from speakerline.services.gateway.auth.principal import Principal, Refused
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.services.gateway.auth.tokens import FETCH_S, Tokens

CALLBACK = "/login/callback"
_ALGORITHM = "HS256"
_AUDIENCE = "speakerline-login"


class Login:
    """Of the provider in the settings. `secret` signs what the browser keeps meanwhile."""

    def __init__(self, settings: AuthSettings, secret: str) -> None:
        self._settings, self._secret = settings, secret
        self._found: dict[str, Any] = {}

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the gateway by HTTPS."""
        return self._settings.public_url.startswith("https:")

    async def begin(self, then: str) -> tuple[str, str]:
        """Where to send the browser, and what it must keep. then: the path of the page to come back to."""
        provider, state, nonce = await self._provider(), secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        verifier = secrets.token_urlsafe(48)
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                provider["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        kept = {"aud": _AUDIENCE, "state": state, "nonce": nonce, "verifier": verifier, "then": _local(then)}
        return url, jwt.encode(kept, self._secret, _ALGORITHM)

    async def finish(self, state: str, code: str, kept: str) -> tuple[Principal, str]:
        """Who has logged in, and where to go. Raises Refused with status 401."""
        try:
            flow = jwt.decode(kept, self._secret, [_ALGORITHM], audience=_AUDIENCE)
            if not secrets.compare_digest(flow["state"].encode(), state.encode()):
                raise Refused(401, "login", "the login was not begun here: try again")
            provider = await self._provider()
            async with self._client() as client:
                token = await client.fetch_token(
                    provider["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=flow["verifier"],
                )
            return await self._identity(provider, token["id_token"], flow["nonce"]), flow["then"]
        except (jwt.PyJWTError, AuthlibBaseError, httpx.HTTPError, KeyError) as error:
            raise Refused(401, "login", "the login did not succeed: try again") from error

    async def _identity(self, provider: dict[str, Any], id_token: str, nonce: str) -> Principal:
        issued = {"jwt_issuer": provider["issuer"], "jwt_audience": self._settings.oidc_client_id}
        principal = await Tokens(replace(self._settings, jwt_key="", jwks_url=provider["jwks_uri"], **issued)).read(
            id_token
        )
        if jwt.decode(id_token, options={"verify_signature": False}).get("nonce") != nonce:
            raise Refused(401, "login", "the login was not begun here: try again")
        return principal

    async def _provider(self) -> dict[str, Any]:
        """Its metadata (OpenID Connect Discovery 1.0, 4). Raises Refused with status 503."""
        if not self._found:
            issuer = self._settings.oidc_issuer.rstrip("/")
            try:
                async with httpx.AsyncClient(timeout=FETCH_S) as client:
                    answer = (await client.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status()
                    self._found = answer.json()
            except (httpx.HTTPError, ValueError) as error:
                raise Refused(503, "login", "the identity provider does not answer: try again") from error
        return self._found

    def _client(self) -> Any:
        with warnings.catch_warnings(record=True):  # it says of httpx that a successor is to replace it
            from authlib.integrations.httpx_client import AsyncOAuth2Client
        return AsyncOAuth2Client(
            self._settings.oidc_client_id,
            self._settings.oidc_client_secret,
            scope="openid profile",
            redirect_uri=self._settings.public_url.rstrip("/") + CALLBACK,
            code_challenge_method="S256",
            timeout=FETCH_S,
        )


def _local(path: str) -> str:
    """The path, if it is one of the gateway: nobody is sent to another site."""
    parts = urlsplit(path.replace("\\", "/"))
    return path if path.startswith("/") and not path.startswith("//") and not parts.netloc else "/"
