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
    separation_limit_s: float = Field(30, gt=0)
    """The longest that one overlap may take; then it is left as it is."""
    separation_memory_mb: int = Field(3000, ge=200)
    """The most memory of the model's process; dualpath takes about 200."""
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
