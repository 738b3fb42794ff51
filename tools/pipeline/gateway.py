"""A gateway of a demonstration's own, within its process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from speakerline.services.gateway.metrics import GatewayMetrics
from speakerline.services.gateway.serving import serving
from speakerline.services.gateway.settings import GatewaySettings
from speakerline.services.gateway.stopping import Stopping
from speakerline.tools.free_port import problem_of_port


@asynccontextmanager
async def gateway_at(redis_url: str) -> AsyncIterator[str]:
    """A gateway to this Redis; gives its address. Where its port is taken, it takes another."""
    settings = GatewaySettings.from_environment()
    port = 0 if problem_of_port(settings.gateway_port) else settings.gateway_port
    settings = settings.model_copy(update={"redis_url": redis_url, "gateway_port": port})
    async with serving(settings, Stopping(), GatewayMetrics(CollectorRegistry())) as port:
        yield f"http://127.0.0.1:{port}"
