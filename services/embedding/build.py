"""Puts the embedding stage together: its options, the segmentation and the voiceprint model."""

import numpy as np
from pydantic import Field

from speakerline.services.embedding.stage import EmbeddingStage
from speakerline.shared.arrays import Float32s
from speakerline.shared.front_end import high_pass
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.runtime.batcher import Batcher
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.models import StageModels
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.voiceprints.choice import MODEL_BATCH, EmbedderSettings
from speakerline.shared.voiceprints.grid import GridSettings
from speakerline.shared.voiceprints.segmentation import Segmentation


class Settings(EmbedderSettings, GridSettings):
    """`SPEAKERLINE_EMBEDDING_MODEL=ecapa` sets `embedding_model`."""

    model_threads: int = Field(2, ge=1, le=64)
    """Runs of the embedding models side by side, each on one core. Each model has one run at a time, so that more than
    two bring nothing: further cores take further workers."""


def build(settings: Settings, metrics: StageMetrics) -> Stage:
    """The stage, its models loaded. Raises ModelMissing."""
    segmentation, embedder = Segmentation(), settings.embedder()
    high_pass.prepare()
    models = StageModels("embedding", settings.model_threads, metrics)
    scores: Batcher[Float32s, Float32s] = models.inside(
        "segmentation", lambda windows: list(segmentation.scores(np.stack(windows))), MODEL_BATCH
    )
    voiceprint = models.inside(settings.embedding_model, embedder.embed, MODEL_BATCH)
    return FrontEndStage(EmbeddingStage(scores, voiceprint, settings.embedding_step_ms))
