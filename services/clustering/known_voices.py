"""Keeps the clustering stage up to date with who is enrolled."""

import asyncio
from collections.abc import Mapping

from redis.asyncio import Redis

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.arrays import Float32s
from speakerline.shared.client.voiceprints import StoredVoiceprint, read_voiceprints
from speakerline.shared.runtime.connection import is_outage
from speakerline.shared.voiceprints.vectors import decode_vector

REFRESH_S = 5.0


async def refresh(stage: ClusteringStage, redis: Redis) -> None:
    """Calls that begin from now on are compared with the voices enrolled now, by the same embedding model."""
    stage.know({tenant: _comparable(stage, voices) for tenant, voices in (await read_voiceprints(redis)).items()})


def _comparable(stage: ClusteringStage, voices: Mapping[str, StoredVoiceprint]) -> dict[str, Float32s]:
    return {name: decode_vector(one.vector) for name, one in voices.items() if one.embedder == stage.embedder_name}


async def keep_current(stage: ClusteringStage, redis: Redis) -> None:
    """Refresh again and again, until cancelled."""
    while True:
        try:
            await refresh(stage, redis)
        except Exception as error:
            if not is_outage(error):
                raise
        await asyncio.sleep(REFRESH_S)
