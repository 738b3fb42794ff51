"""What an error looks like to a client: a status and one sentence; to a WebSocket, 4000 plus the status."""

from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from redis.exceptions import ResponseError
from starlette.websockets import WebSocketState

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import gateway_of
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import OUTAGE, is_outage

CHALLENGE = {"WWW-Authenticate": "Bearer"}
AGAIN = {"Retry-After": "1"}
AWAY = "Redis is away: try again"
LONGEST_REASON = 120
"""A close frame takes 123 bytes (RFC 6455, 5.5)."""


def add_to(app: FastAPI) -> None:
    """Let the app answer errors of ours, and outages of Redis."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SpeakerlineError, _wrong)
    app.add_exception_handler(WebSocketRequestValidationError, _wrong)
    for kind in (*OUTAGE, ResponseError):
        app.add_exception_handler(kind, _away)


async def _refused(connection: Any, error: Exception) -> Any:
    assert isinstance(error, Refused)
    gateway_of(connection).refuse(error)
    return await _answer(connection, error.status, str(error), CHALLENGE if error.status == 401 else None)


async def _wrong(connection: Any, error: Exception) -> Any:
    """Our errors are for users: they name the value and what was expected."""
    return await _answer(connection, 400, str(error) if isinstance(error, SpeakerlineError) else "invalid parameters")


async def _away(connection: Any, error: Exception) -> Any:
    if not is_outage(error):
        raise error
    gateway_of(connection).log.warning("Redis can't be used", error=told(error))
    return await _answer(connection, 503, AWAY, AGAIN)


async def _answer(
    connection: HTTPConnection, status: int, text: str, headers: dict[str, str] | None = None
) -> JSONResponse | None:
    if not isinstance(connection, WebSocket):
        return JSONResponse({"detail": text}, status, headers)
    if connection.application_state == WebSocketState.CONNECTING:
        await connection.accept()
    await connection.close(4000 + status, text.encode()[:LONGEST_REASON].decode(errors="ignore"))
    return None
