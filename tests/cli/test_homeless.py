"""A machine without a home, with a home that is another's, or with a terminal that knows ASCII only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speakerline.tools.cli.main import main
from speakerline.tools.pipeline.voices_file import NoHome, voices_file
from tests.cli.command import ROOT, run


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SPEAKERLINE_VOICES", raising=False)
    monkeypatch.setattr(Path, "home", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_voices_have_no_file_and_the_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoHome):
        voices_file()
    assert main(["enroll"]) == 1
    assert "no home folder is known: SPEAKERLINE_VOICES names the file" in capsys.readouterr().err


def test_a_home_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    done = run("enroll", "Ann", "--erase", HOME=str(tmp_path / "home"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_output_that_knows_ascii_only_shows_the_rest_as_escapes(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "speakerline.tools.cli.main", "process", str(tmp_path / "Запись.wav")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=environment, capture_output=True, timeout=200)
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert b"\\u0417\\u0430\\u043f\\u0438\\u0441\\u044c.wav: no such file" in done.stderr
