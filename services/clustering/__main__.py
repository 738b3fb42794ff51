"""`python -m services.clustering`: the stage as a service, kept up to date with who is enrolled."""

from speakerline.services.clustering.build import Settings, build
from speakerline.services.clustering.known_voices import keep_current
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.addresses import addresses
from speakerline.shared.pipeline import CLUSTERING
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.launch import launch
from speakerline.shared.runtime.service_settings import ServiceSettings


async def _know(stage: ClusteringStage, settings: ServiceSettings) -> None:
    redis = connect(addresses(settings.redis_url)[0])
    try:
        await keep_current(stage, redis)
    finally:
        await redis.aclose()


launch(CLUSTERING, Settings, build, _know)
