"""What the command line says about the sound of a call arrives in its announcement."""

import argparse
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import ChannelContent, Content, FormatDoubt, FrontEnd, ServiceClass, SoundFormat
from speakerline.tools.arguments import front_end, language
from speakerline.tools.cli import file_commands
from speakerline.tools.cli.call_options import describe, findings, speakers_missed
from speakerline.tools.cli.main import main
from speakerline.tools.media.reading import open_recording
from tests.timeline.conversation import conversation
from tests.timeline.events import folded


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    file_commands.add_to(parser.add_subparsers())
    return parser.parse_args(words)


@pytest.mark.parametrize("command", [["process", "a.wav"], ["run"]], ids=["process", "run"])
def test_a_front_end_and_a_language_are_told(command) -> None:
    given = options(*command, "--front-end", "level,music", "--language", "EN")
    assert given.front_end == FrontEnd(level=True, find_music=True) and given.language == "en"


def test_a_file_name_of_another_encoding_can_be_announced(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    with path.open("wb") as file:
        soundfile.write(file, np.zeros(800, np.float32), 8000, format="WAV")
    call = describe("c", open_recording(path, "auto"), options("process", "a.wav"))
    assert call.metadata == {"file": "caf\\xe9.wav"}
    assert write_call(call)


@pytest.mark.parametrize(("pace", "service_class"), [("max", ServiceClass.BULK), ("realtime", ServiceClass.LIVE)])
def test_what_is_sent_faster_than_it_is_spoken_is_announced_as_a_recording(
    tmp_path: Path, pace: str, service_class: ServiceClass
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800, np.float32), 8000)
    call = describe("c", open_recording(path, "auto"), options("process", str(path), "--pace", pace))
    assert call.service_class == service_class


def test_nothing_is_done_to_the_sound_unless_it_is_asked_for() -> None:
    given = options("process", "a.wav")
    assert given.front_end is None and given.language is None


def test_every_part_of_the_front_end_has_a_name() -> None:
    assert front_end("level,denoise,dereverberate,music") == FrontEnd(
        level=True, denoise=True, dereverberate=True, find_music=True
    )


@pytest.mark.parametrize("text", ["", "loud", "level,", "level denoise"])
def test_an_unknown_part_is_refused_with_what_was_expected(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected one or more of level,denoise,dereverberate,music"):
        front_end(text)


@pytest.mark.parametrize("text", ["", "english", "e1", "日本"])
def test_a_language_that_is_none_is_refused(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected two letters"):
        language(text)


def test_what_the_stages_found_about_the_sound_is_told_with_the_latest_of_each_channel() -> None:
    timeline = folded(
        [
            (0, FormatDoubt(0, 0, 2000, SoundFormat.MULAW, "announced as s16le, but looks like mu-law")),
            (0, ChannelContent(1, 0, 2000, Content.COPY, 0, "the same sound as channel 1")),
            (0, ChannelContent(2, 0, 2000, Content.COPY, 0, "the same sound as channel 1")),
            (0, ChannelContent(2, 5000, 6000, Content.OWN, 0, "a voice of its own after all")),
        ]
    )
    assert findings(timeline) == [
        "channel 1: announced as s16le, but looks like mu-law",
        "channel 2: the same sound as channel 1",
    ]


@pytest.mark.parametrize(
    ("expected", "told"),
    [(0, []), (2, []), (3, ["--speakers 3 was asked for, but 2 could be told apart"])],
)
def test_a_number_of_speakers_that_was_not_reached_is_told(expected: int, told: list[str]) -> None:
    assert speakers_missed(conversation(), expected) == told


def test_what_is_there_is_simulated_and_calibrated_over_only_where_that_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "call.wav").write_text("mine")
    assert main(["simulate", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert main(["calibrate", str(tmp_path), "--out", str(tmp_path / "call.wav")]) == 1
    assert capsys.readouterr().err.count("there already; --force replaces") == 2
    assert (tmp_path / "call.wav").read_text() == "mine"
