"""For whoever runs the gateway: is it alive, and is it ready."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from redis.exceptions import RedisError

from speakerline.services.gateway.access import Here
from speakerline.services.gateway.gateway import Gateway
from speakerline.shared.failures import told
from speakerline.shared.runtime.connection import Shard

router = APIRouter(tags=["operation"])

ANSWER_S = 1.0


@router.get("/healthz", summary="Is the process alive", response_class=PlainTextResponse)
async def healthz() -> str:
    """Always `alive`: where the loop stands still, no answer comes."""
    return "alive"


@router.get("/readyz", summary="Can it serve now", response_class=PlainTextResponse, responses={503: {}})
async def readyz(gateway: Here) -> PlainTextResponse:
    """`ready` when Redis, or any shard, answers within a second and no stop has begun, else 503 with the reason."""
    problem = "stopping" if gateway.stopping.begun.is_set() else await _problem_of_redis(gateway)
    return PlainTextResponse(problem or "ready", 503 if problem else 200)


async def _problem_of_redis(gateway: Gateway) -> str:
    """Empty where any shard answers: while one is away, calls of the others go on."""
    problems = await asyncio.gather(*map(_problem_of, gateway.shards))
    return "" if not all(problems) else problems[0]


async def _problem_of(shard: Shard) -> str:
    try:
        await asyncio.wait_for(shard.ping(), ANSWER_S)
    except (RedisError, OSError, asyncio.TimeoutError) as error:
        return f"Redis does not answer: {told(error)}"
    return ""
