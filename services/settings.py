"""The options of the stages, from the environment: defaulted, validated, printed at start.

`SPEAKERLINE_VAD_MODEL=energy` sets `vad_model`, `SPEAKERLINE_VAD_MAX_PAUSE_MS=600` sets `vad.max_pause_ms`.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.clustering.settings import ClusterSettings
from services.vad.settings import VadSettings
from shared.environment import read_settings

if TYPE_CHECKING:
    from services.embedding.embedder import Embedder


class Settings(BaseModel):
    """Which models run, and how the stages behave."""

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

    vad_model: Literal["silero", "energy"] = "silero"
    embedding_model: Literal["ge2e", "ecapa"] = "ge2e"
    ecapa_source: str = "speechbrain/spkrec-ecapa-voxceleb"
    """Hub id or local folder, for embedding_model ecapa."""
    calibration: Path | None = None
    """A calibration made by `speakerline calibrate`; by default the one that ships with the embedding model."""
    embedding_step_ms: int = Field(1000, ge=250, le=5000)
    """How often a window of speech is listened to; half as often costs half as much."""
    model_threads: int = Field(2, ge=1, le=64)
    """Runs of the embedding models side by side, each on one core. Each model has one run at a time, so that more than
    two bring nothing: further cores take further workers."""
    separation_model: Literal["dualpath", "sepformer", "pixit", "off"] = "dualpath"
    """What lifts voices out of overlaps; `off` leaves overlaps as they are."""
    separation_source: str = ""
    """Hub id or local folder of the model, for dualpath a file of services.separation.export; empty = the usual one."""
    separation_three_source: str = ""
    """The same of a model for three voices at once; empty = of three voices the two dominant ones are separated."""
    separation_limit_s: float = Field(10, gt=0)
    """The longest that one overlap may take; then it is left as it is."""
    separation_memory_mb: int = Field(3000, ge=200)
    """The most memory of the model's process; dualpath takes about 200."""
    asr_model: Literal["auto", "whisper", "sphinx", "off"] = "auto"
    """auto = Whisper where its weights are on this machine, else pocketsphinx (English only)."""
    asr_whisper: str = "small"
    """A size (tiny to large-v3), a hub id, or a folder in CTranslate2's format; nothing is ever downloaded."""
    asr_device: Literal["auto", "cpu", "cuda"] = "auto"
    asr_precision: str = "auto"
    """A compute type of CTranslate2, such as int8, int8_float16 or float16."""
    asr_alignment: str = "auto"
    """Exact word times for Whisper: auto = where the language's model is on this machine; off; or a folder."""
    asr_language: str = Field("", pattern="^([a-z]{2,3})?$")
    """What is spoken where the call does not say, ISO 639-1; empty = listened for, with Whisper."""
    asr_interims: bool = True
    """Words while their speaker still talks; they cost more than the final ones."""
    asr_max_lag_s: float = Field(30, gt=0, le=50)
    """How far final words may be behind before the oldest are given up, under overload; at 60 s sound is refused."""
    asr_limit_s: float = Field(120, gt=0)
    """The longest that one run of the model may take; then its utterances are given up."""
    asr_memory_mb: int = Field(8000, ge=200)
    """The most memory of the model's process; pocketsphinx takes about 200, Whisper small 1500, large 6500."""
    vad: VadSettings = VadSettings()
    clustering: ClusterSettings = ClusterSettings()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises InvalidSettings with the option, its value, and what was expected."""
        return read_settings(cls, environment)

    @cached_property
    def _embedder(self) -> "Embedder":
        from services.embedding.calibration import load_calibration

        calibration = load_calibration(self.calibration) if self.calibration else None
        if self.embedding_model == "ecapa":
            from services.embedding.ecapa import Ecapa

            return Ecapa(self.ecapa_source, calibration)
        from services.embedding.ge2e import Ge2e

        return Ge2e(calibration=calibration)

    def embedder(self) -> "Embedder":
        """The voiceprint model, loaded once."""
        return self._embedder
