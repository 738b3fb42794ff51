"""For whoever runs the gateway: is it alive, and is it ready."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from speakerline.services.gateway.access import Here
from speakerline.services.gateway.gateway import Gateway

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Is the process alive", response_class=PlainTextResponse)
async def healthz() -> str:
    """Always `alive`: where the loop stands still, no answer comes."""
    return "alive"


@router.get("/readyz", summary="Can it serve now", response_class=PlainTextResponse, responses={503: {}})
async def readyz(gateway: Here) -> PlainTextResponse:
    """`ready` when Redis, or any shard, answers within a second and no stop has begun, else 503 with the reason.

    A line more for each shard that does not answer, or is full: while one is away, calls of the others go on, and a
    full one takes no new calls and no new sound."""
    if gateway.stopping.begun.is_set():
        return PlainTextResponse("stopping", 503)
    return await _answer(gateway)


async def _answer(gateway: Gateway) -> PlainTextResponse:
    problems = await gateway.reach.problems()
    if len(problems) == gateway.reach.shards:
        return PlainTextResponse(problems[0], 503)
    told = sorted({**await gateway.reach.full(), **problems}.items())
    lines = (f"shard {one}: {why}" if gateway.reach.shards > 1 else why for one, why in told)
    return PlainTextResponse("\n".join(["ready", *lines]))
