"""`python -m services.separation`: the stage as a service."""

from speakerline.services.separation.build import Settings, build
from speakerline.shared.pipeline import SEPARATION
from speakerline.shared.runtime.launch import launch

launch(SEPARATION, Settings, build)
