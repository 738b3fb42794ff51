"""All stages in this process against a private Redis: the same runtime and the same stages as the services."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from speakerline.services.clustering.known_voices import refresh
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.client.voiceprints import StoredVoiceprint, VoiceprintFile, store_voiceprint
from speakerline.shared.pipeline import CLUSTERING, PIPELINE
from speakerline.shared.runtime.connection import connect
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.runtime.worker import Worker, WorkerOptions
from speakerline.tools.failure import Failure
from speakerline.tools.pipeline.private_redis import private_redis
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.pipeline.stages import build_stage
from speakerline.tools.pipeline.voices_file import NoHome, voices_file


def build_stages(settings: Settings, metrics: Metrics) -> dict[str, Stage]:
    """Every stage of the pipeline, models loaded."""
    return {spec.name: build_stage(spec.name, settings, metrics.for_stage(spec.name)) for spec in PIPELINE}


@asynccontextmanager
async def running(
    url: str, stages: Mapping[str, Stage], metrics: Metrics, options: WorkerOptions | None = None
) -> AsyncIterator[list[Worker]]:
    """One worker a stage, until the block ends. A worker that dies ends the block with its error."""
    options = options or WorkerOptions(idle_close_s=3600.0)
    workers = [Worker(url, spec, stages[spec.name], metrics.for_stage(spec.name), options) for spec in PIPELINE]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    blocks = [task for task in (asyncio.current_task(),) if task]

    def ended(task: "asyncio.Task[None]") -> None:
        if blocks and not task.cancelled() and task.exception():
            blocks.pop().cancel()

    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield workers
    finally:
        blocks.clear()  # several workers may fail at once: the block is ended by the first, and not while it ends
        for worker in workers:
            worker.stop()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


@asynccontextmanager
async def local_pipeline(settings: Settings) -> AsyncIterator[str]:
    """A private Redis with all stages at work on it; gives its URL."""
    metrics, enrolled = Metrics(CollectorRegistry()), await _enrolled()
    stages = build_stages(settings, metrics)
    async with private_redis() as url:
        await _enroll_all(url, stages[CLUSTERING.name], enrolled)
        async with running(url, stages, metrics):
            yield url


async def _enrolled() -> dict[str, StoredVoiceprint]:
    """The voices that were enrolled on this machine."""
    try:
        return await VoiceprintFile(voices_file()).read()
    except NoHome:
        return {}
    except OSError as error:
        why = f"{error.filename}, where enrolled voices are kept, can't be read ({error.strerror})"
        raise Failure(f"{why}: SPEAKERLINE_VOICES names another file") from error


async def _enroll_all(url: str, clustering: Stage, enrolled: Mapping[str, StoredVoiceprint]) -> None:
    assert isinstance(clustering, ClusteringStage)
    redis = connect(url)
    for name, voiceprint in enrolled.items():
        await store_voiceprint([redis], name, voiceprint)
    await refresh(clustering, [redis])
    await redis.aclose()
