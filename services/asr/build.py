"""Puts the asr stage together: its options, and the recogniser in a process of its own."""

import os
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

from pydantic import Field

from speakerline.services.asr.choice import AsrModel, Choice, choose
from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.off import OffStage
from speakerline.services.asr.stage import AsrOptions, AsrStage
from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.models import StageModels
from speakerline.shared.runtime.stage import Stage

Model = TypeVar("Model")


class Settings(EnvironmentSettings):
    """`SPEAKERLINE_ASR_MODEL=whisper` sets `asr_model`."""

    asr_model: AsrModel = "auto"
    """auto = words where weights are on this machine; whisper = those, or an error; off = no words."""
    asr_whisper: str = "auto"
    """auto = the best on this machine that holds a live call; a size (tiny to large-v3), a hub id, or a folder in
    CTranslate2's format. Nothing is ever downloaded."""
    asr_device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the recogniser runs; auto = on a GPU where there is one."""
    asr_precision: str = "auto"
    """auto = int8 on a processor, float16 on a GPU; or another compute type of CTranslate2."""
    asr_alignment: str = "auto"
    """Exact word times for Whisper: auto = where the language's model is on this machine; off; or a folder."""
    asr_language: str = Field("", pattern="^([a-z]{2,3})?$")
    """The language of calls that name none, ISO 639-1; empty = detected, with Whisper."""
    asr_interims: bool = True
    """Words while their speaker still talks; they cost more than final words."""
    asr_max_lag_s: float = Field(30, gt=0, le=50)
    """The lag at which the oldest final words are skipped, under overload; at 60 s sound is refused."""
    asr_limit_s: float = Field(120, gt=0)
    """The longest that one run of the model may take; then its windows are skipped."""
    asr_memory_mb: int = Field(8000, ge=200)
    """The most memory of the model's process; Whisper tiny takes about 400, small 1500, large 6500."""
    asr_niceness: int = Field(10, ge=0, le=19)
    """How far the model's process yields to those of other stages where there are too few cores for all, so that words
    never slow labels; 10 = a tenth of their weight. See setpriority(2)."""


def build(settings: Settings, metrics: StageMetrics) -> Stage:
    """The stage, its recogniser loaded. Raises ModelMissing or ModelFailed."""
    chosen = choose(
        settings.asr_model,
        settings.asr_whisper,
        settings.asr_device,
        settings.asr_precision,
        settings.asr_alignment,
    )
    if chosen is None:
        return FrontEndStage(OffStage())
    options = AsrOptions(settings.asr_language, settings.asr_interims, settings.asr_max_lag_s)
    return FrontEndStage(AsrStage(shared(chosen, settings, metrics), options))


def shared(chosen: Choice, settings: Settings, metrics: StageMetrics) -> SharedRecogniser:
    """The recogniser in a process of its own, for all calls. Raises ModelMissing or ModelFailed."""
    models, option = StageModels("asr", 1, metrics), "SPEAKERLINE_ASR_MEMORY_MB"
    make = partial(behind_labels, settings.asr_niceness, chosen.build)
    model = models.isolated(chosen.name, make, settings.asr_limit_s, settings.asr_memory_mb, option)
    final, fast = (models.inside(chosen.name, model.run, most) for most in (chosen.batch, chosen.fast_batch))

    async def recognise(piece: Piece) -> Recognition:
        return await (fast if piece.fast else final)(piece)

    return SharedRecogniser(
        recognise, chosen.name, chosen.languages, chosen.fast_batch, metrics.guarded, chosen.doubtful
    )


def behind_labels(niceness: int, build: Callable[[], Model]) -> Model:
    """What `build` gives, in a process that yields so far to those of other stages."""
    os.nice(niceness)
    return build()
