"""`speakerline process` and `score` on files, as their user meets them."""

import json
from pathlib import Path

import pytest
import soundfile

from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.cli.main import main
from speakerline.tools.lab.measuring import offline, report
from speakerline.tools.pipeline.offline import Pipeline
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import read_events, read_rttm
from speakerline.tools.score.labelled import read_labelled
from speakerline.tools.score.score import score_files
from tests.cli.command import run

pytestmark = pytest.mark.timeout(300)  # the first test waits for all words of a call

SAMPLE = sample_call()
SUFFIXES = ("png", "txt", "rttm", "json", "srt", "vtt", "ctm", "stm", "seglst.json", "events.jsonl")


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of one name, of which the second is a part of the first with a second channel, in one run."""
    folder = tmp_path_factory.mktemp("process")
    (folder / "second").mkdir()
    sound, rate = soundfile.read(SAMPLE, frames=10 * 16000)
    soundfile.write(folder / "second" / "sample.flac", [(one, 0.0) for one in sound], rate)
    files = (str(SAMPLE), str(folder / "second" / "sample.flac"))
    done = run("process", *files, "--out", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    for stem in ("sample", "sample-2"):
        for suffix in SUFFIXES:
            assert f"wrote {folder / 'out' / stem}.{suffix}" in done.stdout
    assert "talk time" in done.stdout and "S1" in done.stdout
    assert "sample.flac: channel 2 of 2 left out: no voice on it" in done.stdout
    return folder / "out"


def test_every_file_of_a_call_is_written(processed: Path) -> None:
    names = sorted(path.name for path in processed.iterdir())
    assert names == sorted(f"{stem}.{suffix}" for stem in ("sample", "sample-2") for suffix in SUFFIXES)


def test_the_events_fold_into_the_timeline_that_the_other_files_show(processed: Path) -> None:
    timeline = Timeline("sample")
    for event in read_events(processed / "sample.events.jsonl"):
        timeline.apply(event)
    assert timeline.ended and timeline.duration_ms == 30_000
    told = json.loads((processed / "sample.json").read_text())
    assert {turn["turn_id"] for turn in told["turns"]} == set(timeline.turns)
    assert told["statistics"]["duration_ms"] == 30_000
    (labels,) = read_rttm(processed / "sample.rttm").values()
    assert len(labels) == len([one for one in told["statistics"]["speakers"] if one["speaker_id"]]) == 2


async def test_the_laboratory_measures_what_score_says_of_the_written_events(processed: Path) -> None:
    call = read_labelled(SAMPLE, SAMPLE.with_suffix(".rttm"))
    heard = offline(call)
    await Pipeline(Settings(asr_model="off")).run(heard)
    assert report(call, heard) == score_files(SAMPLE.with_suffix(".rttm"), processed / "sample.events.jsonl")


def test_what_was_said_is_in_every_transcript(processed: Path) -> None:
    told = json.loads((processed / "sample.json").read_text())
    words = [word for transcript in told["transcripts"] for word in transcript["words"]]
    assert words and all(transcript["final"] for transcript in told["transcripts"])
    assert {word["speaker_id"] for word in words} <= {"", *(one["speaker_id"] for one in told["speakers"])}
    lines = (processed / "sample.ctm").read_text().splitlines()
    assert sorted(line.split()[4] for line in lines) == sorted(part for word in words for part in word["text"].split())
    assert (processed / "sample.vtt").read_text().startswith("WEBVTT\n\n1\n")


def test_words_are_scored_against_what_was_said(processed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("score", str(SAMPLE.with_suffix(".rttm")), str(processed / "sample.events.jsonl"))
    assert main([*arguments, "--transcript", str(SAMPLE.with_suffix(".stm")), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["words"]["wer"]["words"] == 81
    assert told["words"]["speakers"].keys() <= {"", "S1", "S2", "S3"}


def test_the_picture_is_a_picture(processed: Path) -> None:
    picture = (processed / "sample.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and len(picture) > 5000


def test_a_channel_without_a_voice_is_left_out_and_it_is_said(processed: Path) -> None:
    told = json.loads((processed / "sample-2.json").read_text())
    assert told["call"].get("channels", 1) == 1
    assert told["call"]["metadata"]["channels"] == "channel 2 of 2 left out: no voice on it"


def test_score_prints_tables_or_json(processed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("score", str(SAMPLE.with_suffix(".rttm")), str(processed / "sample.events.jsonl"))
    assert main(arguments) == 0
    tables = capsys.readouterr().out
    assert "boundary error" in tables and "right speaker" in tables
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["call_id"] == "sample" and told["reference_speakers"] == 2
    assert 0.8 < told["final"]["attribution"] <= 1


@pytest.mark.parametrize(
    ("reference", "events", "message"),
    [
        pytest.param("gone.rttm", "sample.events.jsonl", "gone.rttm", id="a missing reference"),
        pytest.param("sample.png", "sample.events.jsonl", "sample.png", id="a picture as reference"),
        pytest.param("sample.rttm", "sample.png", "sample.png line 1", id="a picture as events"),
        pytest.param("sample.rttm", "sample.json", "sample.json line 1", id="another JSON as events"),
    ],
)
def test_score_names_the_file_that_it_can_not_read(
    processed: Path, capsys: pytest.CaptureFixture[str], reference: str, events: str, message: str
) -> None:
    assert main(["score", str(processed / reference), str(processed / events)]) == 1
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and not said.out
