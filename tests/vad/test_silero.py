"""Where the Silero model comes from, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest

from speakerline.services.vad import silero
from speakerline.services.vad.detector import Request
from speakerline.shared.models.files import ModelMissing


@pytest.fixture
def detector():
    try:
        return silero.Silero()
    except ModelMissing as missing:
        pytest.skip(str(missing))


def test_the_model_is_loaded_without_torch(detector) -> None:
    code = "import sys; from services.vad.silero import Silero; Silero(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_machine_without_the_package_is_told_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="energy detector"):
        silero.packaged_model()


def test_the_state_of_another_rate_is_refused(detector) -> None:
    (answer,) = detector.run([Request(8000, b"", np.zeros(256, np.float32))])
    with pytest.raises(ValueError, match="state of 288 numbers at 16000 Hz: expected 320"):
        detector.run([Request(16000, answer.state, np.zeros(512, np.float32))])
