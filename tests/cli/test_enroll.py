"""`speakerline enroll`, as its user meets it."""

from pathlib import Path

import pytest
import soundfile

from speakerline.tools.cli.main import main
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import read_rttm

SAMPLE = sample_call()


@pytest.fixture(autouse=True)
def voices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEAKERLINE_VOICES", str(tmp_path / "voices.json"))
    monkeypatch.setenv("SPEAKERLINE_ASR_MODEL", "off")


def test_a_voice_is_enrolled_told_recognised_and_erased(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert main(words) == 0
        return capsys.readouterr().out

    sound, rate = soundfile.read(SAMPLE, start=22 * 16000, stop=28 * 16000)
    soundfile.write(tmp_path / "ann.wav", sound, rate)
    assert "enrolled Ann from" in said("enroll", "Ann", str(tmp_path / "ann.wav"))
    assert said("enroll").startswith("Ann  (campplus, ")
    assert "Ann (S" in said("process", str(SAMPLE), "--speakers", "2", "--out", str(tmp_path / "out"))
    assert {"Ann"} < set(read_rttm(tmp_path / "out" / "sample.rttm")["sample"])
    assert said("enroll", "Ann", "--erase") == "erased Ann\n"
    assert main(["enroll", "Ann", "--erase"]) == 1
    assert capsys.readouterr().err == "speakerline: no enrolled voice is named 'Ann'\n"


def test_a_recording_of_two_people_is_not_enrolled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["enroll", "Both", str(SAMPLE)]) == 1
    assert "expected one person alone" in capsys.readouterr().err
