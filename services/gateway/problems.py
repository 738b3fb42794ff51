"""What an error looks like to a client: a status and one sentence; to a WebSocket, 4000 plus the status."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from redis.exceptions import ResponseError
from starlette.websockets import WebSocketState

from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.dialects.closing import short_reason
from speakerline.services.gateway.gateway import gateway_of
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import OUTAGE, is_outage
from speakerline.shared.timeline.parts import UnreadableTimeline

CHALLENGE = {"WWW-Authenticate": "Bearer"}
AGAIN = {"Retry-After": "1"}
AWAY = "Redis is away: try again"
_SHOULD = re.compile(r"^(\w+ should (be|have|match) |Invalid JSON: )")


def add_to(app: FastAPI) -> None:
    """Let the app answer errors of ours, and outages of Redis."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SpeakerlineError, _wrong)
    app.add_exception_handler(UnreadableTimeline, _unreadable)
    for invalid in (RequestValidationError, WebSocketRequestValidationError):
        app.add_exception_handler(invalid, _invalid)
    for kind in (*OUTAGE, ResponseError):
        app.add_exception_handler(kind, _away)


async def _refused(connection: Any, error: Exception) -> Any:
    assert isinstance(error, Refused)
    gateway_of(connection).refuse(error)
    return await _answer(connection, error.status, str(error), CHALLENGE if error.status == 401 else None)


async def _wrong(connection: Any, error: Exception) -> Any:
    """Our errors are for users: they name the value and what was expected."""
    return await _answer(connection, 400, str(error))


async def _unreadable(connection: Any, error: Exception) -> Any:
    """Nobody's request is wrong."""
    gateway_of(connection).log.error("a timeline can't be read", error=str(error))
    return await _answer(connection, 500, str(error))


async def _invalid(connection: Any, error: Exception) -> Any:
    assert isinstance(error, (RequestValidationError, WebSocketRequestValidationError))
    return await _answer(connection, 400, sentence_of(error.errors()[0]))


def sentence_of(problem: Mapping[str, Any]) -> str:
    """Of what pydantic finds wrong: which field, and what was expected, never the value."""
    field = ".".join(map(str, problem["loc"][1:])) or "the body"
    if problem["type"] == "missing":
        return f"{field} is missing: expected a value"
    return f"{field}: {_SHOULD.sub('expected ', problem['msg'])}"


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
    await connection.close(4000 + status, short_reason(text))
    return None
