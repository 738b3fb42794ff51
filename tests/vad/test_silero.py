"""The Silero model that ships, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from speakerline.services.vad import silero
from speakerline.services.vad.detector import Request
from speakerline.shared.models.files import ModelMissing


@pytest.fixture
def detector():
    return silero.Silero()


def test_the_model_is_loaded_without_torch(detector) -> None:
    code = "import sys; from services.vad.silero import Silero; Silero(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model at .*gone.onnx"):
        silero.Silero(tmp_path / "gone.onnx")


def test_the_state_of_another_rate_is_refused(detector) -> None:
    (answer,) = detector.run([Request(8000, b"", np.zeros(256, np.float32))])
    with pytest.raises(ValueError, match="state of 288 numbers at 16000 Hz: expected 320"):
        detector.run([Request(16000, answer.state, np.zeros(512, np.float32))])
