"""Puts the aggregator together; it has no options."""

from speakerline.services.aggregator.stage import AggregatorStage
from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.stage import Stage


class Settings(EnvironmentSettings):
    """None."""


def build(settings: Settings, metrics: StageMetrics) -> Stage:
    """The stage."""
    return AggregatorStage()
