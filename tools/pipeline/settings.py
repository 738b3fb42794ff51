"""The options of all stages in one object, for the pipeline in one process."""

from pydantic import Field

from speakerline.services.aggregator import build as aggregator
from speakerline.services.asr import build as asr
from speakerline.services.clustering import build as clustering
from speakerline.services.embedding import build as embedding
from speakerline.services.separation import build as separation
from speakerline.services.vad import build as vad


class Settings(
    vad.Settings, embedding.Settings, separation.Settings, clustering.Settings, asr.Settings, aggregator.Settings
):
    """Which models run, and how the stages behave."""

    asr_niceness: int = Field(0, ge=0, le=19)
    """Nobody waits for the labels of a recording alone, and beside a busy program words that yield would never come."""
