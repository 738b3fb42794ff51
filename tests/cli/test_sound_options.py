"""What the command line says about the sound of a call arrives in its announcement."""

import argparse
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.shared.codec import write_call
from speakerline.shared.contract.v1 import FrontEnd, ServiceClass
from speakerline.tools.arguments import front_end, language
from speakerline.tools.cli import file_commands
from speakerline.tools.media.reading import open_recording


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
    call = file_commands.describe("c", open_recording(path, "auto"), options("process", "a.wav"))
    assert call.metadata == {"file": "caf\\xe9.wav"}
    assert write_call(call)


@pytest.mark.parametrize(("pace", "service_class"), [("max", ServiceClass.BULK), ("realtime", ServiceClass.LIVE)])
def test_what_is_sent_faster_than_it_is_spoken_is_announced_as_a_recording(
    tmp_path: Path, pace: str, service_class: ServiceClass
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800, np.float32), 8000)
    call = file_commands.describe("c", open_recording(path, "auto"), options("process", str(path), "--pace", pace))
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
