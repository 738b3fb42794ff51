"""The options of the stages, from the environment: defaulted, validated, printed at start.

`SPEAKERLINE_VAD_MODEL=energy` sets `vad_model`; times carry their unit in the name.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.clustering.settings import ClusterSettings
from services.vad.settings import VadSettings

if TYPE_CHECKING:
    from services.embedding.embedder import Embedder

PREFIX = "SPEAKERLINE_"


class InvalidSettings(ValueError):
    """An option with a value that it can't have."""


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
    model_threads: int = Field(1, ge=1, le=64)
    """Runs of the embedding models side by side, each on one core."""
    vad: VadSettings = VadSettings()
    clustering: ClusterSettings = ClusterSettings()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises InvalidSettings with the option, its value, and what was expected."""
        given = {
            name: environment[PREFIX + name.upper()]
            for name in (
                "vad_model",
                "embedding_model",
                "ecapa_source",
                "calibration",
                "embedding_step_ms",
                "model_threads",
            )
            if environment.get(PREFIX + name.upper())
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            name = PREFIX + str(problem["loc"][0]).upper()
            raise InvalidSettings(f"{name}={problem['input']!r}: {problem['msg']}") from error

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
