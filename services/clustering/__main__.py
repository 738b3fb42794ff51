"""`python -m services.clustering`: the stage as a service, kept up to date with who is enrolled."""

from services.clustering.known_voices import keep_current
from services.clustering.stage import ClusteringStage
from services.launch import launch
from shared.runtime.connection import connect
from shared.runtime.service_settings import ServiceSettings
from shared.runtime.stage import Stage


async def _know(stage: Stage, settings: ServiceSettings) -> None:
    assert isinstance(stage, ClusteringStage)
    redis = connect(settings.redis_url)
    try:
        await keep_current(stage, redis)
    finally:
        await redis.aclose()


launch("clustering", _know)
