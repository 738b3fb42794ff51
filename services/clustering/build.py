"""Puts the clustering stage together: its options, and the calibration of the voiceprint model."""

from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.voiceprints.choice import EmbedderSettings


class Settings(EmbedderSettings):
    """`SPEAKERLINE_CLUSTERING_DORMANT_MS=20000` sets `clustering.dormant_ms`."""

    clustering: ClusterSettings = ClusterSettings()


def build(settings: Settings, metrics: StageMetrics) -> ClusteringStage:
    """The stage. Raises ModelMissing where the calibration is missing."""
    return ClusteringStage(settings.embedder().calibration, settings.clustering)
