"""Where an alignment model is looked for, when it is loaded, and what becomes of its times; whisperx is a fake."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speakerline.services.asr.alignment import Aligner, find_alignment, with_times
from speakerline.services.asr.engine import RATE, RecognisedWord

SOUND = np.zeros(2 * RATE, np.float32)
WORDS = (RecognisedWord("so", 0.0, 0.9, 0.8), RecognisedWord("well", 0.9, 1.9, 0.7))
TIMED = ({"word": "so", "start": 0.25, "end": 0.5}, {"word": "well", "start": 1.0, "end": 1.5})
ALIGNED = (RecognisedWord("so", 0.25, 0.5, 0.8), RecognisedWord("well", 1.0, 1.5, 0.7))


@dataclass(slots=True)
class FakeWhisperX:
    """Finds `words`; notes what it is asked. `broken`: its models can't be loaded; `failing`: or not be run."""

    words: Sequence[dict[str, Any]] = TIMED
    broken: bool = False
    failing: bool = False
    loaded: list[tuple[Any, ...]] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    nltk_load: Any = None
    DEFAULT_ALIGN_MODELS_TORCH: dict[str, str] = field(default_factory=lambda: {"en": "VOICES"})
    DEFAULT_ALIGN_MODELS_HF: dict[str, str] = field(default_factory=lambda: {"ja": "some/japanese"})

    def load_align_model(self, language: str, device: str, name: str | None, model_cache_only: bool) -> Any:
        if self.broken:
            raise OSError("no weights")
        self.loaded.append((language, device, name, model_cache_only))
        return f"model of {language}", f"letters of {language}"

    def align(self, segments: list[Any], model: str, letters: str, samples: Any, device: str) -> dict[str, Any]:
        self.asked.append((segments, model, letters, len(samples), device))
        if self.failing:
            raise ValueError("no path")
        return {"word_segments": self.words}


@pytest.fixture
def whisperx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeWhisperX:
    """The caches of PyTorch and Hugging Face hold the models of English and Japanese."""
    fake, package = FakeWhisperX(), ModuleType("whisperx")
    package.alignment = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "whisperx", package)
    monkeypatch.setitem(sys.modules, "whisperx.alignment", fake)
    bundle = SimpleNamespace(_path="models/voices.pt")
    monkeypatch.setitem(sys.modules, "torchaudio", SimpleNamespace(pipelines=SimpleNamespace(VOICES=bundle)))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(hub=SimpleNamespace(get_dir=lambda: str(tmp_path))))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "voices.pt").touch()

    def cached(name: str, file: str) -> str | None:
        return "/cache/config.json" if (name, file) == ("some/japanese", "config.json") else None

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(try_to_load_from_cache=cached))
    return fake


def test_words_get_the_times_of_the_languages_own_model(whisperx: FakeWhisperX) -> None:
    assert Aligner("auto", "cuda").align(WORDS, SOUND, "en") == ALIGNED
    assert whisperx.loaded == [("en", "cuda", None, True)], "from the cache only"
    segment = {"start": 0.0, "end": 2.0, "text": "so well"}
    assert whisperx.asked == [([segment], "model of en", "letters of en", len(SOUND), "cuda")]
    assert whisperx.nltk_load("english").span_tokenize("So. Well.") == [(0, 9)], "NLTK would be downloaded"


def test_a_model_is_loaded_once_for_each_language(whisperx: FakeWhisperX) -> None:
    aligner = Aligner("auto", "cpu")
    for language in ("en", "ja", "en", "ja"):
        assert aligner.align(WORDS, SOUND, language) == ALIGNED
    assert [language for language, *_ in whisperx.loaded] == ["en", "ja"]


def test_a_model_in_a_folder_is_for_every_language(whisperx: FakeWhisperX, tmp_path: Path) -> None:
    aligner = Aligner(str(tmp_path), "cpu")
    for language in ("en", "sv"):
        assert aligner.align(WORDS, SOUND, language) == ALIGNED
    assert [(one[0], one[2]) for one in whisperx.loaded] == [("en", str(tmp_path)), ("sv", str(tmp_path))]


@pytest.mark.parametrize(
    "language",
    [pytest.param("xx", id="no model"), pytest.param("en", id="not here"), pytest.param("ja", id="nor here")],
)
def test_without_a_model_on_this_machine_whispers_own_times_stay(
    whisperx: FakeWhisperX, tmp_path: Path, language: str
) -> None:
    (tmp_path / "checkpoints" / "voices.pt").unlink()
    whisperx.DEFAULT_ALIGN_MODELS_HF = {"ja": "other/japanese"}
    assert Aligner("auto", "cpu").align(WORDS, SOUND, language) == WORDS
    assert whisperx.loaded == []


def test_a_folder_that_is_gone_is_no_model(whisperx: FakeWhisperX, tmp_path: Path) -> None:
    assert Aligner(str(tmp_path / "gone"), "cpu").align(WORDS, SOUND, "sv") == WORDS


@pytest.mark.parametrize(
    ("words", "alignment"),
    [pytest.param((), "auto", id="no words"), pytest.param(WORDS, "off", id="switched off")],
)
def test_there_may_be_nothing_to_align(
    whisperx: FakeWhisperX, words: tuple[RecognisedWord, ...], alignment: str
) -> None:
    assert Aligner(alignment, "cpu").align(words, SOUND, "en") == words
    assert whisperx.loaded == whisperx.asked == []


def test_what_can_not_be_loaded_is_tried_once_and_said(
    whisperx: FakeWhisperX, caplog: pytest.LogCaptureFixture
) -> None:
    whisperx.broken = True
    aligner = Aligner("auto", "cpu")
    assert [aligner.align(WORDS, SOUND, "en") for _ in range(2)] == [WORDS, WORDS]
    assert [line.levelname for line in caplog.records] == ["ERROR"]


def test_what_can_not_be_aligned_keeps_whispers_own_times_and_that_is_said(
    whisperx: FakeWhisperX, caplog: pytest.LogCaptureFixture
) -> None:
    whisperx.failing = True
    assert Aligner("auto", "cpu").align(WORDS, SOUND, "en") == WORDS
    assert [line.msg for line in caplog.records] == ["not aligned, Whisper's own word times stay"]


def test_other_words_than_whispers_are_not_taken_and_that_is_said(
    whisperx: FakeWhisperX, caplog: pytest.LogCaptureFixture
) -> None:
    whisperx.words = [{"word": "sow"}, TIMED[1]]
    assert Aligner("auto", "cpu").align(WORDS, SOUND, "en") == WORDS
    assert [line.msg for line in caplog.records] == ["aligned other words, Whisper's own word times stay"]


def test_a_folder_with_a_model_is_taken_and_the_home_folder_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "wav2vec").mkdir()
    (tmp_path / "wav2vec" / "config.json").touch()
    assert find_alignment("~/wav2vec") == str(tmp_path / "wav2vec")
    assert (find_alignment("auto"), find_alignment("off")) == ("auto", "off")


def test_where_fewer_words_are_found_than_were_said_none_has_other_times() -> None:
    said = (RecognisedWord("so", 0.0, 0.2, 0.9), RecognisedWord("well", 0.3, 0.5, 0.9))
    assert with_times(said, [{"word": "so", "start": 0.1, "end": 0.2}]) is None
