"""The web application: all routes, and its OpenAPI document."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from speakerline.services.gateway import problems, sockets
from speakerline.services.gateway.auth.authority import Authority
from speakerline.services.gateway.gateway import open_gateway
from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.services.gateway.not_stored import NotStored
from speakerline.services.gateway.raw_paths import RawPaths
from speakerline.services.gateway.routes import (
    archive,
    audiosocket,
    calls,
    corrections,
    events,
    export,
    health,
    login,
    separate,
    sound,
    tickets,
    voices,
    wallboard,
)
from speakerline.services.gateway.routes.answers import contract_schemas
from speakerline.services.gateway.routes.page import Page
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.shared.logs import Log
from speakerline.shared.runtime.metrics import VERSION

DESCRIPTION = """\
Live calls as timelines per speaker: who spoke when, who talked over whom, and what each of them said.

JSON is in snake_case, and fields with their default value (0, "", false, an empty list) are left out.
"""

SUBJECTS = (
    *(calls, corrections, events, export, archive, sound, wallboard, voices),
    *(audiosocket, separate, login, tickets, sockets, health),
)
"""What the routes are about, in the order of the OpenAPI document."""


def create_app(settings: GatewaySettings, stopping: Stopping, metrics: GatewayMetrics) -> FastAPI:
    """The application. Connections to Redis are made when they are needed: it starts where Redis is away, too.

    Raises InvalidKeys, InvalidSettings."""

    def on_key_faults(faults: Sequence[str]) -> None:
        metrics.key_faults.set(len(faults))
        if faults:
            Log(stage="gateway").error("faults in the file of API keys", faults=[*faults])

    authority = Authority(settings.auth, settings.gateway_host, on_key_faults)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_gateway(settings, authority, stopping, metrics) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        title="Speakerline",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # it would load its page from another host
        redoc_url=None,
    )
    app.add_middleware(RawPaths)
    app.add_middleware(NotStored)
    problems.add_to(app)
    for subject in SUBJECTS:
        app.include_router(subject.router)
    app.mount("/", Page())
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the messages of the contract as they are on the wire."""
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document["components"]["schemas"] |= contract_schemas()
        for operation in (one for methods in document["paths"].values() for one in methods.values()):
            operation["responses"].pop("422", None)  # FastAPI says so of all with parameters: here it is 400
        app.openapi_schema = document
    return app.openapi_schema
