"""People log in with an identity provider: a small one, which knows one person and judges as the standard says."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from speakerline.services.gateway.auth.login import _local
from speakerline.services.gateway.auth.settings import AuthSettings
from speakerline.shared.runtime.server import Server
from tests.gateway.running import running

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_URL = "http://gateway.example.com"
CODE = "one-time"


class Provider:
    """Its metadata, keys and tokens. `asked`: what the last login was begun with."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: dict[str, str] = {}
        self.claims: dict[str, Any] = {}
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self.metadata)
        self.app.get("/keys")(self.keys)
        self.app.post("/token")(self.token)

    def metadata(self) -> dict[str, str]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in ends.items()}}

    def keys(self) -> dict[str, Any]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key()))
        return {"keys": [key | {"kid": "k", "alg": "RS256"}]}

    async def token(self, request: Request) -> JSONResponse:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.asked["code_challenge"]
        if form["code"] != CODE or form["redirect_uri"] != self.asked["redirect_uri"] or not proven:
            return JSONResponse({"error": "invalid_grant"}, 400)
        usual = {"iss": self.url, "aud": "desk", "exp": time.time() + 60, "nonce": self.asked["nonce"]}
        claims = {**usual, "tenant": "acme", "roles": ["watch"], **self.claims}
        signed = jwt.encode(claims, PRIVATE, "RS256", {"kid": "k"})
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": signed})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    server = Server(uvicorn.Config(provider.app, "127.0.0.1", 0, log_config=None))
    task = asyncio.create_task(server.serve())
    await server.up.wait()
    provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield provider
    server.stop()
    await task


def settings(provider: Provider) -> AuthSettings:
    return AuthSettings(
        oidc_issuer=provider.url, oidc_client_id="desk", oidc_client_secret="s" * 32, public_url=PUBLIC_URL
    )


async def logged_in(provider: Provider, gateway: Any, code: str = CODE, state: str = "") -> Any:
    """The answer to the callback."""
    begun = await gateway.client.get("/login", params={"then": "/call.html?id=a"})
    assert begun.status_code == 302
    asked = urlsplit(begun.headers["location"])
    provider.asked = {name: values[0] for name, values in parse_qs(asked.query).items()}
    assert provider.asked["redirect_uri"] == f"{PUBLIC_URL}/login/callback"
    return await gateway.client.get("/login/callback", params={"code": code, "state": state or provider.asked["state"]})


async def test_who_has_logged_in_has_the_roles_of_the_token_until_logging_out(
    redis_url: str, provider: Provider
) -> None:
    async with running(redis_url, auth=settings(provider)) as gateway:
        assert (await gateway.client.get("/calls")).status_code == 401
        done = await logged_in(provider, gateway)
        assert (done.status_code, done.headers["location"]) == (302, "/call.html?id=a")
        assert all("HttpOnly" in one and "SameSite=lax" in one for one in done.headers.get_list("set-cookie")[:1])
        assert (await gateway.client.get("/calls")).status_code == 200
        assert (await gateway.client.get("/voices")).status_code == 403
        other = await gateway.client.get("/calls", headers={"Origin": "https://evil.example.com"})
        assert other.status_code == 403
        assert (await gateway.client.post("/logout")).status_code == 204
        assert (await gateway.client.get("/calls")).status_code == 401


@pytest.mark.parametrize(
    ("flaw", "claims"),
    [
        pytest.param({"state": "forged"}, {}, id="the state is another"),
        pytest.param({"code": "stolen"}, {}, id="the code is not known"),
        pytest.param({}, {"nonce": "another"}, id="the token is of another login"),
        pytest.param({}, {"aud": "others"}, id="the token is for somebody else"),
        pytest.param({}, {"iss": "https://evil.example.com"}, id="the token is of another issuer"),
    ],
)
async def test_nobody_is_logged_in_where(
    redis_url: str, provider: Provider, flaw: dict[str, str], claims: dict[str, Any]
) -> None:
    provider.claims = claims
    async with running(redis_url, auth=settings(provider)) as gateway:
        assert (await logged_in(provider, gateway, **flaw)).status_code == 401
        assert (await gateway.client.get("/calls")).status_code == 401


@pytest.mark.parametrize("path", ["//evil.example.com", "https://evil.example.com", "/\\evil.example.com", "x", ""])
def test_nobody_is_sent_to_another_site(path: str) -> None:
    assert _local(path) == "/"


async def test_without_a_provider_there_is_no_login(redis_url: str) -> None:
    async with running(redis_url) as gateway:
        assert (await gateway.client.get("/login")).status_code == 404
