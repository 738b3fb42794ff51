"""For whoever runs the gateway: is it alive, is it ready, and what does it count."""

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from speakerline.services.gateway.access import SECURED, Here, Operating
from speakerline.services.gateway.gateway import Gateway
from speakerline.shared.failures import told

router = APIRouter(tags=["operation"])

ANSWER_S = 1.0


@router.get("/healthz", summary="Is the process alive", response_class=PlainTextResponse)
async def healthz() -> str:
    """Always `alive`: where the loop stands still, no answer comes."""
    return "alive"


@router.get("/readyz", summary="Can it serve now", response_class=PlainTextResponse, responses={503: {}})
async def readyz(gateway: Here) -> PlainTextResponse:
    """`ready` when Redis answers within a second and no stop has begun, else 503 with the reason."""
    problem = "stopping" if gateway.stopping.begun.is_set() else await _problem_of_redis(gateway)
    return PlainTextResponse(problem or "ready", 503 if problem else 200)


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse, dependencies=SECURED)
async def metrics(gateway: Here, principal: Operating) -> Response:
    """Of this process; needs the role `operate`."""
    return Response(generate_latest(gateway.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _problem_of_redis(gateway: Gateway) -> str:
    try:
        await asyncio.wait_for(gateway.redis.ping(), ANSWER_S)
    except (RedisError, OSError, asyncio.TimeoutError) as error:
        return f"Redis does not answer: {told(error)}"
    return ""
