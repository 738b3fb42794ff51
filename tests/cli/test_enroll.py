"""`speakerline enroll`, as its user meets it."""

from pathlib import Path

import soundfile

from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import read_rttm
from tests.cli.command import run

SAMPLE = sample_call()


def test_a_voice_is_enrolled_told_recognised_and_erased(tmp_path: Path) -> None:
    voices = {"SPEAKERLINE_VOICES": str(tmp_path / "voices.json"), "SPEAKERLINE_ASR_MODEL": "off"}
    sound, rate = soundfile.read(SAMPLE, start=22 * 16000, stop=28 * 16000)
    soundfile.write(tmp_path / "ann.wav", sound, rate)
    assert "enrolled Ann from" in run("enroll", "Ann", str(tmp_path / "ann.wav"), **voices).stdout
    assert run("enroll", **voices).stdout.startswith("Ann  (campplus, ")
    done = run("process", str(SAMPLE), "--speakers", "2", "--out", str(tmp_path / "out"), **voices)
    assert "Ann (S" in done.stdout
    assert {"Ann"} < set(read_rttm(tmp_path / "out" / "sample.rttm")["sample"])
    assert run("enroll", "Ann", "--erase", **voices).stdout == "erased Ann\n"
    again = run("enroll", "Ann", "--erase", **voices)
    assert (again.returncode, again.stderr) == (1, "speakerline: no enrolled voice is named 'Ann'\n")


def test_a_recording_of_two_people_is_not_enrolled(tmp_path: Path) -> None:
    done = run("enroll", "Both", str(SAMPLE), SPEAKERLINE_VOICES=str(tmp_path / "voices.json"))
    assert done.returncode == 1
    assert "expected one person alone" in done.stderr
