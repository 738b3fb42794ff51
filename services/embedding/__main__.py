"""`python -m services.embedding`: the stage as a service."""

from speakerline.services.embedding.build import Settings, build
from speakerline.shared.pipeline import EMBEDDING
from speakerline.shared.runtime.launch import launch

launch(EMBEDDING, Settings, build)
