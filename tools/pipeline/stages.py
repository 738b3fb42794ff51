"""The registry of all stages, for the pipeline in one process."""

from collections.abc import Callable

from speakerline.services.aggregator import build as aggregator
from speakerline.services.asr import build as asr
from speakerline.services.clustering import build as clustering
from speakerline.services.embedding import build as embedding
from speakerline.services.separation import build as separation
from speakerline.services.vad import build as vad
from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, SEPARATION, VAD
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.stage import Stage
from speakerline.tools.pipeline.settings import Settings

_BUILDERS: dict[str, Callable[[Settings, StageMetrics], Stage]] = {
    VAD.name: vad.build,
    EMBEDDING.name: embedding.build,
    SEPARATION.name: separation.build,
    CLUSTERING.name: clustering.build,
    ASR.name: asr.build,
    AGGREGATOR.name: aggregator.build,
}


def build_stage(name: str, settings: Settings, metrics: StageMetrics) -> Stage:
    """One stage, its models loaded. Raises ModelMissing where one can't be found, ValueError for an unknown name."""
    if name not in _BUILDERS:
        raise ValueError(f"stage {name!r}: expected one of {', '.join(_BUILDERS)}")
    return _BUILDERS[name](settings, metrics)
