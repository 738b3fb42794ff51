"""`python -m services.vad`: the stage as a service."""

from speakerline.services.vad.build import Settings, build
from speakerline.shared.pipeline import VAD
from speakerline.shared.runtime.launch import launch

launch(VAD, Settings, build)
