"""Login of people, where an identity provider is configured."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Query
from fastapi.responses import RedirectResponse, Response

from speakerline.services.gateway.access import Here
from speakerline.services.gateway.auth.authority import SESSION, SESSION_S
from speakerline.services.gateway.auth.login import CALLBACK, Login
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import Gateway

router = APIRouter(include_in_schema=False)

FLOW = "speakerline_login"
FLOW_S = 600


@router.get("/login")
async def begin_login(gateway: Here, then: Annotated[str, Query(max_length=1000)] = "/") -> Response:
    """To the identity provider, and back to `then`."""
    login = _login(gateway)
    url, kept = await login.begin(then)
    return _with_cookie(RedirectResponse(url, 302), login, FLOW, kept, FLOW_S)


@router.get(CALLBACK)
async def finish_login(
    gateway: Here,
    state: str = "",
    code: str = "",
    kept: Annotated[str, Cookie(alias=FLOW)] = "",
) -> Response:
    """Back from the identity provider."""
    login = _login(gateway)
    principal, then = await login.finish(state, code, kept)
    response = _with_cookie(
        RedirectResponse(then, 302), login, SESSION, gateway.authority.sessions.issue(principal), SESSION_S
    )
    response.delete_cookie(FLOW)
    return response


@router.post("/logout")
async def log_out() -> Response:
    """The browser forgets who it is."""
    response = Response(status_code=204)
    response.delete_cookie(SESSION)
    return response


def _login(gateway: Gateway) -> Login:
    if not gateway.authority.login:
        raise Refused(404, "unknown", "this gateway has no login for people")
    return gateway.authority.login


def _with_cookie(response: Response, login: Login, name: str, value: str, life_s: int) -> Response:
    response.set_cookie(name, value, max_age=life_s, httponly=True, secure=login.is_secure, samesite="lax")
    return response
