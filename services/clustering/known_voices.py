"""Keeps the clustering stage up to date with who is enrolled."""

import asyncio
from collections.abc import Sequence

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.client.voiceprints import read_voiceprints
from speakerline.shared.runtime.connection import Shard, is_outage

REFRESH_S = 5.0


async def refresh(stage: ClusteringStage, shards: Sequence[Shard]) -> None:
    """Calls that begin from now on are compared with the voices enrolled now."""
    stage.know(await read_voiceprints(shards))


async def keep_current(stage: ClusteringStage, shards: Sequence[Shard]) -> None:
    """Refresh again and again, until cancelled."""
    while True:
        try:
            await refresh(stage, shards)
        except Exception as error:
            if not is_outage(error):
                raise
        await asyncio.sleep(REFRESH_S)
