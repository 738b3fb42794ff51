"""Puts the separation stage together: its options, the separator in a process of its own, the voiceprint model."""

from functools import partial
from typing import Literal

from pydantic import Field

from speakerline.services.separation.separator import Chosen, check_source
from speakerline.services.separation.separator import build as build_separator
from speakerline.services.separation.stage import SeparationStage, Separator
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.runtime.isolation import AGAIN_LIMIT_S, START_LIMIT_S
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.models import StageModels
from speakerline.shared.runtime.stage import Stage
from speakerline.shared.voiceprints.choice import MODEL_BATCH, EmbedderSettings
from speakerline.shared.voiceprints.grid import GridSettings


class Settings(EmbedderSettings, GridSettings):
    """`SPEAKERLINE_SEPARATION_MODEL=off` sets `separation_model`."""

    separation_model: Literal["dualpath", "sepformer", "pixit", "off"] = "dualpath"
    """What separates overlaps; `off` leaves them as they are."""
    separation_source: str = ""
    """Hub id or local folder of the model, for dualpath a file of tools.training.export; empty = the usual one."""
    separation_three_source: str = ""
    """The same of a model for three voices at once; empty = of three voices the two dominant ones are separated."""
    separation_limit_s: float = Field(10, gt=0)
    """The longest that one overlap may take; then it is left as it is."""
    separation_memory_mb: int = Field(3000, ge=200)
    """The most memory of the model's process; dualpath takes about 200."""


def build(settings: Settings, metrics: StageMetrics) -> Stage:
    """The stage; a large model is loaded, a small one at the first overlap. Raises ModelMissing or ModelFailed."""
    if settings.separation_model == "off":
        return FrontEndStage(SeparationStage(None, settings.embedding_step_ms))
    name = settings.separation_model
    chosen = Chosen(name, settings.separation_source, settings.separation_three_source)
    check_source(chosen)
    embedder = settings.embedder()
    small = name == "dualpath"
    models = StageModels("separation", 2, metrics)
    run = models.apart(
        name,
        partial(build_separator, chosen),
        1,
        settings.separation_limit_s,
        settings.separation_memory_mb,
        "SPEAKERLINE_SEPARATION_MEMORY_MB",
        AGAIN_LIMIT_S if small else START_LIMIT_S,
        load_now=not small,
    )
    voiceprint = models.inside(settings.embedding_model, embedder.embed, MODEL_BATCH)
    return FrontEndStage(SeparationStage(Separator(name, run, voiceprint), settings.embedding_step_ms))
