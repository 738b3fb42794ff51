"""`python -m services.asr`: the stage as a service."""

from speakerline.services.asr.build import Settings, build
from speakerline.shared.pipeline import ASR
from speakerline.shared.runtime.launch import launch

launch(ASR, Settings, build)
