"""A model that can't be loaded ends a command, or a service, with one line that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speakerline.services.asr.weights import languages_of, whisper_name
from speakerline.shared.models.files import ModelMissing
from speakerline.tools.cli.main import main
from speakerline.tools.sample_call import sample_call
from tests.asr import tiny_whisper

WIDE = 500_000
"""Of such a Whisper, whose weights take more than 200 MB."""


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("transformers")
    return tiny_whisper.write(tmp_path_factory.mktemp("whisper-wide"), scratch, WIDE)


@pytest.fixture
def options(whisper_folder: Path) -> dict[str, str]:
    return {"SPEAKERLINE_ASR_MODEL": "whisper", "SPEAKERLINE_ASR_WHISPER": str(whisper_folder)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        pytest.param(
            "SPEAKERLINE_ASR_MEMORY_MB",
            "200",
            "not loaded: took more than 200 MB; SPEAKERLINE_ASR_MEMORY_MB=200 is too little for this model",
            id="too little memory",
        ),
        pytest.param("SPEAKERLINE_ASR_PRECISION", "int7", "not loaded: Invalid compute type: int7", id="no precision"),
    ],
)
def test_a_command_whose_model_does_not_load_ends_in_one_line(
    options: dict[str, str],
    option: str,
    value: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, chosen in (options | {option: value}).items():
        monkeypatch.setenv(name, chosen)
    assert main(["process", str(sample_call()), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"speakerline: {whisper_name(options['SPEAKERLINE_ASR_WHISPER'])}: ")
    assert message in said and said.count("\n") == 1


@pytest.mark.slow
def test_a_service_whose_model_does_not_load_ends_in_one_line(options: dict[str, str]) -> None:
    environment = os.environ | options | {"SPEAKERLINE_ASR_MEMORY_MB": "200"}
    command = [sys.executable, "-m", "speakerline.services.asr"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith("asr: ") and ended.stderr.count("\n") == 1
    assert "SPEAKERLINE_ASR_MEMORY_MB=200 is too little" in ended.stderr


def test_a_vocabulary_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text("{")
    with pytest.raises(ModelMissing, match=r"no Whisper model that can be used: its vocabulary: Expecting"):
        languages_of(tmp_path)
