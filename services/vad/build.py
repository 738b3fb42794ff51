"""Puts the VAD together: its options and its detector."""

from typing import Literal

from speakerline.services.vad.detector import Detector, Request
from speakerline.services.vad.settings import VadSettings
from speakerline.services.vad.stage import VadStage
from speakerline.shared.environment import EnvironmentSettings
from speakerline.shared.front_end import high_pass
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.models import StageModels
from speakerline.shared.runtime.stage import Stage

MOST_AT_ONCE = 256
"""Requests in one run of the detector."""
SMALL_MS = 2048
"""Of so much sound a run is over in a millisecond or two."""


class Settings(EnvironmentSettings):
    """`SPEAKERLINE_VAD_MODEL=energy` sets `vad_model`, `SPEAKERLINE_VAD_MAX_PAUSE_MS=600` sets `vad.max_pause_ms`."""

    vad_model: Literal["silero", "energy"] = "silero"
    """What finds speech: Silero's network, or the energy of the sound."""
    vad: VadSettings = VadSettings()


def load_detector(settings: Settings) -> Detector:
    """The detector that the settings name. Raises ModelMissing."""
    from speakerline.services.vad.energy import Energy
    from speakerline.services.vad.silero import Silero

    return Silero() if settings.vad_model == "silero" else Energy()


def build(settings: Settings, metrics: StageMetrics) -> Stage:
    """The stage, its detector loaded. Raises ModelMissing."""
    detector = load_detector(settings)
    high_pass.prepare()
    detect = StageModels("vad", 1, metrics).inside(settings.vad_model, detector.run, MOST_AT_ONCE, _is_small)
    return VadStage(detect, settings.vad)


def _is_small(requests: list[Request]) -> bool:
    return sum(1000 * len(one.samples) // one.sample_rate for one in requests) <= SMALL_MS
