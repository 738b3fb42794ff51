"""Which voiceprint model runs. Its stages must agree: embedding and separation make voiceprints, clustering compares
them."""

from functools import cache
from pathlib import Path
from typing import Literal

from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.voiceprints.calibration import load_calibration
from speakerline.shared.voiceprints.embedder import Embedder

MODEL_BATCH = 4
"""Windows in one run of a model. More gain nothing (8 ms a window in runs of 4, 8.5 in runs of 16), and every window
of a run waits for the whole run."""


class EmbedderSettings(EnvironmentSettings):
    """The options of every stage that makes or compares voiceprints."""

    embedding_model: Literal["campplus", "ecapa"] = "campplus"
    """The voiceprint model."""
    ecapa_source: str = "speechbrain/spkrec-ecapa-voxceleb"
    """Hub id or local folder, for embedding_model ecapa."""
    calibration: Path | None = None
    """A calibration made by `speakerline calibrate`; by default the one that ships with the embedding model."""

    def embedder(self) -> Embedder:
        """The voiceprint model, loaded once a process. Raises ModelMissing."""
        return _embedder(self.embedding_model, self.ecapa_source, self.calibration)


@cache
def _embedder(model: str, ecapa_source: str, calibration_file: Path | None) -> Embedder:
    calibration = load_calibration(calibration_file) if calibration_file else None
    if model == "ecapa":
        from speakerline.shared.voiceprints.ecapa import Ecapa

        return Ecapa(ecapa_source, calibration)
    from speakerline.shared.voiceprints.campplus import CamPlusPlus

    return CamPlusPlus(calibration=calibration)
