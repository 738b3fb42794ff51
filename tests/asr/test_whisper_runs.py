"""What Whisper is asked to run together, and to which piece its answers belong; the model itself is a fake."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speakerline.services.asr.choice import choose
from speakerline.services.asr.engine import RATE, Piece
from speakerline.services.asr.whisper import Whisper
from speakerline.shared.arrays import Float32s

STEP = 1 / 1024
PER_SECOND = 100
"""Frames of Whisper."""


@dataclass(slots=True)
class FakeWhisper:
    """Says where a clip has what level, in one word for each of `times_s`, in one segment for each of `no_speech`."""

    multilingual: bool = True
    times_s: Sequence[tuple[float, float]] = ((0.25, 0.5),)
    no_speech: Sequence[float] = (0.25,)
    loaded: dict[str, Any] = field(default_factory=dict)
    lines: list[Float32s] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def load(self, folder: str, **options: Any) -> Any:
        self.loaded = {"folder": folder, **options}
        return SimpleNamespace(
            model=SimpleNamespace(is_multilingual=self.multilingual, device="cpu"),
            frames_per_second=PER_SECOND,
            detect_language=lambda samples: ("fr", 0.75, []),
            transcribe=self.transcribe,
        )

    def pipeline(self, model: Any) -> Any:
        return SimpleNamespace(transcribe=self.transcribe)

    def transcribe(self, samples: Float32s, **options: Any) -> tuple[list[Any], None]:
        self.lines.append(samples)
        self.asked.append(options)
        whole = [{"start": 0.0, "end": len(samples) / RATE}]
        clips = options.get("clip_timestamps", whole)
        return [self._segment(samples, clip, share) for clip in clips for share in self.no_speech], None

    def _segment(self, samples: Float32s, clip: dict[str, float], no_speech: float) -> Any:
        start_s, end_s = clip["start"], clip["end"]
        (level,) = np.unique(samples[round(start_s * RATE) : round(end_s * RATE)])
        words = [
            SimpleNamespace(word=f" {round(level / STEP)}", start=start_s + a, end=start_s + b, probability=0.5)
            for a, b in self.times_s
        ]
        return SimpleNamespace(seek=round(start_s * PER_SECOND), no_speech_prob=no_speech, words=words)

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Language and number of clips of each."""
        return [(one["language"], len(one.get("clip_timestamps", [0]))) for one in self.asked]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWhisper:
    made = FakeWhisper()
    monkeypatch.setattr("faster_whisper.WhisperModel", made.load)
    monkeypatch.setattr("faster_whisper.BatchedInferencePipeline", made.pipeline)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What can be told without loading a model is there."""
    found = tmp_path / "faster-whisper-toy"
    found.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (found / name).touch()
    (found / "vocabulary.json").write_text(json.dumps(["", "a", "<|en|>", "<|de|>"]))
    return found


@pytest.fixture
def whisper(fake: FakeWhisper, folder: Path) -> Whisper:
    return Whisper(str(folder), alignment="off")


def piece(level: int, language: str = "en", seconds: float = 1.0) -> Piece:
    return Piece(np.full(round(seconds * RATE), level * STEP, np.float32), language)


def texts(whisper: Whisper, *pieces: Piece) -> list[list[str]]:
    return [[word.text for word in one.words] for one in whisper.recognise(pieces)]


def test_pieces_of_one_language_run_together_and_each_gets_its_own_words(whisper: Whisper, fake: FakeWhisper) -> None:
    pieces = [piece(1), piece(2, "de"), piece(3, seconds=2.5), piece(4, "de"), piece(5)]
    found = whisper.recognise(pieces)
    assert [[word.text for word in one.words] for one in found] == [["1"], ["2"], ["3"], ["4"], ["5"]]
    assert [one.language for one in found] == ["en", "de", "en", "de", "en"]
    assert fake.runs == [("de", 2), ("en", 3)]


def test_every_piece_of_a_run_begins_a_minute_behind_the_one_before_and_all_else_is_silence(
    whisper: Whisper, fake: FakeWhisper
) -> None:
    texts(whisper, piece(1, seconds=29), piece(2, seconds=0.5), piece(3, seconds=10))
    (line,), (asked,) = fake.lines, fake.asked
    assert asked["clip_timestamps"] == [
        {"start": 60.0, "end": 89.0},
        {"start": 120.0, "end": 120.5},
        {"start": 180.0, "end": 190.0},
    ]
    assert np.count_nonzero(line) == 39.5 * RATE
    assert len(line) == 240 * RATE


def test_no_more_than_eight_run_together(whisper: Whisper, fake: FakeWhisper) -> None:
    assert texts(whisper, *(piece(level) for level in range(1, 18))) == [[str(level)] for level in range(1, 18)]
    assert fake.runs == [("en", 8), ("en", 8), ("en", 1)]


def test_a_run_is_decided_by_the_sound_alone(whisper: Whisper, fake: FakeWhisper) -> None:
    """No chance, no voice activity detection of its own, no words carried over from one window to the next."""
    texts(whisper, piece(1), piece(2, seconds=29.5))
    long, together = fake.asked
    same = {"language": "en", "beam_size": 5, "temperature": 0.0, "word_timestamps": True}
    assert long == {**same, "condition_on_previous_text": False}
    together.pop("clip_timestamps")
    assert together == {**same, "vad_filter": False, "batch_size": 8, "without_timestamps": True}


@pytest.mark.parametrize(("samples", "alone"), [(29 * RATE, False), (29 * RATE + 1, True)])
def test_what_is_longer_than_a_window_runs_alone(
    whisper: Whisper, fake: FakeWhisper, samples: int, alone: bool
) -> None:
    long = Piece(np.full(samples, 2 * STEP, np.float32), "en")
    first, second, third = whisper.recognise([piece(1), long, piece(3)])
    assert [one.words[0].text for one in (first, second, third)] == ["1", "2", "3"]
    assert (second.words[0].start_s, second.words[0].end_s) == (0.25, 0.5)
    assert [len(line) / RATE == 240 for line in fake.lines] == ([False, False] if alone else [True])


def test_an_empty_piece_has_no_words_and_is_not_run(whisper: Whisper, fake: FakeWhisper) -> None:
    empty = Piece(np.zeros(0, np.float32), "en")
    assert texts(whisper, empty, piece(1), empty) == [[], ["1"], []]
    assert fake.runs == [("en", 1)]
    assert whisper.recognise([]) == []


@pytest.mark.parametrize(
    ("multilingual", "told", "expected"),
    [
        pytest.param(True, "", ("fr", 0.75), id="listened for"),
        pytest.param(True, "de", ("de", 1.0), id="told"),
        pytest.param(False, "", ("en", 1.0), id="a model that knows English only"),
    ],
)
def test_the_language_of_a_piece(
    fake: FakeWhisper, folder: Path, multilingual: bool, told: str, expected: tuple[str, float]
) -> None:
    fake.multilingual = multilingual
    (found,) = Whisper(str(folder), alignment="off").recognise([piece(1, told)])
    assert (found.language, found.language_confidence) == expected
    assert fake.runs == [(expected[0], 1)]


def test_words_that_lie_outside_of_the_piece_are_not_in_it_and_others_end_with_it(
    whisper: Whisper, fake: FakeWhisper
) -> None:
    fake.times_s = [(-0.5, -0.25), (-0.25, 0.0), (-0.125, 0.25), (0.5, 0.75), (0.875, 1.25), (1.0, 1.25)]
    (found,) = whisper.recognise([piece(1)])
    assert [(word.start_s, word.end_s) for word in found.words] == [(0, 0), (0, 0.25), (0.5, 0.75), (0.875, 1)]
    assert {word.confidence for word in found.words} == {0.5}


@pytest.mark.parametrize(("segments", "expected"), [((0.25, 0.75), 0.5), ((), 0.0)])
def test_the_probability_that_nobody_speaks_is_the_mean_of_the_segments(
    whisper: Whisper, fake: FakeWhisper, segments: Sequence[float], expected: float
) -> None:
    fake.no_speech = segments
    (found,) = whisper.recognise([piece(1)])
    assert found.no_speech == expected
    assert len(found.words) == len(segments)


@pytest.mark.parametrize(("precision", "compute_type"), [("auto", "default"), ("int8_float16", "int8_float16")])
def test_how_the_chosen_whisper_is_loaded(fake: FakeWhisper, folder: Path, precision: str, compute_type: str) -> None:
    choice = choose("whisper", str(folder), "cuda", precision, "off")
    assert choice is not None
    assert (choice.name, choice.batch, choice.doubtful) == ("whisper-toy", 8, 0.1)
    assert choice.languages == frozenset({"en", "de"})
    assert fake.loaded == {}, "only where it runs"
    (found,) = choice.build()([piece(1)])
    assert [word.text for word in found.words] == ["1"]
    assert fake.loaded == {"folder": str(folder), "device": "cuda", "compute_type": compute_type, "cpu_threads": 3}


def test_without_a_number_of_threads_it_has_one_for_each_core_of_this_process(
    fake: FakeWhisper, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5, 7, 8} if process == 0 else set())
    Whisper(str(folder), alignment="off")
    assert (fake.loaded["device"], fake.loaded["cpu_threads"]) == ("auto", 5)
