"""A machine without a home, with a home that is another's, or with a terminal that knows ASCII only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speakerline.tools.cli.main import main
from speakerline.tools.pipeline import local
from speakerline.tools.pipeline.voices_file import NoHome, voices_file
from speakerline.tools.sample_call import sample_call
from tests.cli.command import ROOT


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


def test_a_home_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("no folder")
    monkeypatch.delenv("SPEAKERLINE_VOICES", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main(["enroll", "Ann", "--erase"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_output_that_knows_ascii_only_shows_the_rest_as_escapes(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "speakerline.tools.cli.main", "process", str(tmp_path / "Запись.wav")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=environment, capture_output=True, timeout=200)
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert b"\\u0417\\u0430\\u043f\\u0438\\u0441\\u044c.wav: no such file" in done.stderr


def test_a_picture_is_drawn_without_a_folder_for_caches_and_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    script = (
        "from speakerline.tools.render.picture import draw\n"
        "from tests.timeline.events import sample_timeline\n"
        "assert draw(sample_timeline())"
    )
    unwritable = {"MPLCONFIGDIR": str(tmp_path / "file" / "below"), "HOME": str(tmp_path / "file")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **unwritable}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, b"")


def test_voices_that_can_not_be_read_are_named_with_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPEAKERLINE_VOICES", str(tmp_path))
    monkeypatch.setattr(local, "build_stages", lambda settings, metrics: pytest.fail("models are loaded first"))
    assert main(["process", str(sample_call()), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"speakerline: {tmp_path}, where enrolled voices are kept, can't be read (Is a directory): ")
    assert "SPEAKERLINE_VOICES names another file" in told


@pytest.mark.parametrize(("to", "status", "told"), [(">&-", 0, ""), (">/dev/full", 1, "No space left on device")])
def test_an_output_that_is_closed_or_full_is_no_traceback(tmp_path: Path, to: str, status: int, told: str) -> None:
    (tmp_path / "call.jsonl").write_text('{"call_id":"a","seq":1,"call_summary":{"duration_ms":4000}}\n')
    command = f"{sys.executable} -m speakerline.tools.cli.main export {tmp_path / 'call.jsonl'} --format json {to}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == status and told in done.stderr and "Traceback" not in done.stderr
