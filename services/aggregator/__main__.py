"""`python -m services.aggregator`: the stage as a service."""

from speakerline.services.aggregator.build import Settings, build
from speakerline.shared.pipeline import AGGREGATOR
from speakerline.shared.runtime.launch import launch

launch(AGGREGATOR, Settings, build)
