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
    shards = [connect(address) for address in addresses(settings.redis_url)]
    try:
        await keep_current(stage, shards)
    finally:
        for shard in shards:
            await shard.aclose()


launch(CLUSTERING, Settings, build, _know)
