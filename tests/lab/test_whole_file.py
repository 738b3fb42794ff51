"""The words of the stage beside those of the whole file."""

import asyncio
from pathlib import Path

import pytest

from speakerline.services.asr.weights import find_whisper
from speakerline.tools.lab.recordings import with_words
from speakerline.tools.lab.whole_file import Way, main, measured
from speakerline.tools.pipeline.settings import Settings
from speakerline.tools.score.word_errors import WordErrors
from speakerline.tools.simulate.turn_taking import Conversation
from tests.recordings import recordings


def test_both_ways_hear_most_of_what_is_read() -> None:
    calls = with_words(recordings("transcripts"), 1, 60_000, Conversation(speakers=2, duration_s=20))
    stage, whole = asyncio.run(measured(calls, find_whisper("tiny.en"), Settings()))
    assert stage.errors.words == whole.errors.words > 40
    assert stage.errors.rate < 0.5 and whole.errors.rate < 0.5
    assert stage.cpu_s > 0 and whole.cpu_s > 0


def test_a_row_has_rates_of_all_words_and_all_seconds() -> None:
    assert Way("a way", WordErrors(200, 5, 10, 15), 6.0).row(120) == "| a way | 15.0 | 5 / 10 / 15 | 0.050 |"


def test_no_speech_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("whole_file: ") and len(said.splitlines()) == 1
