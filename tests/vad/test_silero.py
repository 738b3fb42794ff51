"""The Silero models that ship, how they are made, and what they refuse."""

import hashlib
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from speakerline.services.vad import silero
from speakerline.services.vad.detector import Request
from speakerline.shared.audio import pcm
from speakerline.shared.models.files import ModelMissing
from speakerline.tools.models import silero as made
from tests.vad.listening import conversation

PUBLISHED = {
    8000: """0.031 0.015 0.025 0.011 0.005 0.008 0.892 0.972 0.999 0.999 0.994 0.999
             0.996 0.999 0.252 0.998 0.999 0.035 1.000 0.989 1.000 1.000 0.767 1.000""",
    16000: """0.012 0.003 0.055 0.006 0.001 0.001 0.990 0.990 1.000 0.997 1.000 1.000
              0.998 1.000 0.087 1.000 1.000 0.043 1.000 0.999 1.000 1.000 0.971 0.999""",
}
"""What the graph of the package `silero-vad` 6.2.3 says of every 40th chunk of the sample call."""


@pytest.fixture
def detector():
    return silero.Silero()


def test_the_model_is_loaded_without_torch(detector) -> None:
    code = "import sys; from services.vad.silero import Silero; Silero(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"no model at .*gone.onnx"):
        silero.Silero({8000: tmp_path / "gone.onnx"})


def test_the_state_of_another_rate_is_refused(detector) -> None:
    (answer,) = detector.run([Request(8000, b"", np.zeros(256, np.float32))])
    with pytest.raises(ValueError, match="state of 288 numbers at 16000 Hz: expected 320"):
        detector.run([Request(16000, answer.state, np.zeros(512, np.float32))])


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("most", [1, 100, silero.MOST_ROWS])
def test_the_probabilities_are_those_of_the_published_graph(detector, monkeypatch, sample_rate, most) -> None:
    monkeypatch.setattr(silero, "MOST_ROWS", most)
    size = silero.CONTEXTS[sample_rate] * 8
    samples = pcm.to_float32(conversation(sample_rate))[: 937 * size]
    (answer,) = detector.run([Request(sample_rate, b"", samples)])
    np.testing.assert_allclose(answer.probabilities[::40], np.array(PUBLISHED[sample_rate].split(), float), atol=0.002)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_chunks_that_share_a_run_are_the_same_bits_as_one_by_one(detector, sample_rate: int) -> None:
    size = silero.CONTEXTS[sample_rate] * 8
    samples = pcm.to_float32(conversation(sample_rate))[200 * size : 240 * size]
    (together,) = detector.run([Request(sample_rate, b"", samples)])
    state, alone = b"", []
    for start in range(0, len(samples), size):
        (answer,) = detector.run([Request(sample_rate, state, samples[start : start + size])])
        state = answer.state
        alone.append(answer.probabilities)
    np.testing.assert_array_equal(together.probabilities, np.concatenate(alone))
    assert together.state == state


def test_only_the_known_model_is_taken_from_a_wheel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "silero_vad.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr(made.MODEL, "other")
    before = [file.read_bytes() for file in silero.MODEL_FILES.values()]
    assert made.main([str(wheel)]) == 1
    other = hashlib.sha256(b"other").hexdigest()
    assert f"silero_vad.onnx: sha256 is {other}, expected {made.SHA256}\n" in capsys.readouterr().err
    assert [file.read_bytes() for file in silero.MODEL_FILES.values()] == before


def test_the_models_that_ship_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    for file in silero.MODEL_FILES.values():
        assert hashlib.sha256(file.read_bytes()).hexdigest() in page
