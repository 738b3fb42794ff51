"""The web application: all routes, and what an error looks like to a client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from redis.exceptions import ResponseError

from speakerline.services.gateway import sockets
from speakerline.services.gateway.auth.principal import Refused
from speakerline.services.gateway.gateway import gateway_of, open_gateway
from speakerline.services.gateway.routes import health
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.shared.errors import SpeakerlineError
from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import OUTAGE, is_outage
from speakerline.shared.runtime.metrics import VERSION

DESCRIPTION = (
    """Live calls as timelines per speaker: who spoke when, who talked over whom, and what each of them said."""
)


CHALLENGE = {"WWW-Authenticate": "Bearer"}


def create_app(settings: GatewaySettings, stopping: Stopping) -> FastAPI:
    """The application. Its lifespan connects to Redis lazily: the gateway starts, and says so, where Redis is away."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(settings, stopping) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(title="Speakerline", version=VERSION, description=DESCRIPTION, lifespan=lifespan)
    app.include_router(health.router)
    app.include_router(sockets.router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SpeakerlineError, _wrong)
    for kind in (*OUTAGE, ResponseError):
        app.add_exception_handler(kind, _away)
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    gateway_of(request).refuse(error)
    return JSONResponse({"detail": str(error)}, error.status, CHALLENGE if error.status == 401 else None)


async def _wrong(request: Request, error: Exception) -> JSONResponse:
    """Our errors are for users: they name the value and what was expected."""
    return JSONResponse({"detail": str(error)}, 400)


async def _away(request: Request, error: Exception) -> JSONResponse:
    if not is_outage(error):
        raise error
    gateway_of(request).log.warning("Redis can't be used", error=told(error))
    return JSONResponse({"detail": "the store of calls can't be reached: try again"}, 503, {"Retry-After": "1"})
