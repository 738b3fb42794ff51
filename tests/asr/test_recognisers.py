"""Every recogniser passes the same tests; the models run for real. Whisper's weights are made here, by chance."""

import json
import pickle
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from faster_whisper import WhisperModel

from speakerline.services.asr.alignment import Aligner
from speakerline.services.asr.choice import build_sphinx, build_whisper, choose
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recogniser, Recognition
from speakerline.services.asr.sphinx import Sphinx
from speakerline.services.asr.whisper import Whisper, find_whisper, languages_of, whisper_name
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing, packaged_file
from speakerline.shared.runtime.isolation import IsolatedModel
from tests.asr import tiny_whisper
from tests.recordings import recordings

NOISE = np.random.default_rng(0).normal(0, 0.05, 3 * RATE).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other by spinning take minutes on a machine that has much else to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.write(tmp_path_factory.mktemp("whisper-tiny"), tmp_path_factory.mktemp("transformers"))


@pytest.fixture(scope="module", params=["sphinx", pytest.param("whisper", marks=pytest.mark.slow)])
def recogniser(request: pytest.FixtureRequest) -> Recogniser:
    if request.param == "sphinx":
        return Sphinx()
    return Whisper(str(request.getfixturevalue("whisper_folder")), "cpu", "auto", "off")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def talk() -> Float32s:
    """Three seconds of noise that comes and goes like syllables."""
    envelope = (np.sin(np.arange(3 * RATE) * 2 * np.pi * 4 / RATE) > 0).astype(np.float32)
    return NOISE * envelope


def test_words_lie_within_the_piece_in_order_with_a_confidence(recogniser: Recogniser) -> None:
    (heard,) = recogniser.recognise([Piece(talk(), "en")])
    assert heard.language == "en"
    assert all(word.text == word.text.strip() and word.text for word in heard.words)
    assert all(0 <= word.start_s <= word.end_s <= 3.01 for word in heard.words)
    assert all(0 <= word.confidence <= 1 for word in heard.words)
    assert [word.start_s for word in heard.words] == sorted(word.start_s for word in heard.words)
    assert 0 <= heard.no_speech <= 1


def test_pieces_of_a_batch_do_not_influence_each_other(recogniser: Recogniser) -> None:
    pieces = [Piece(talk(), "en"), Piece(NOISE[:RATE], "en"), Piece(talk()[RATE:], "en")]
    together = recogniser.recognise(pieces)
    alone = [recogniser.recognise([piece])[0] for piece in reversed(pieces)][::-1]
    for one, other in zip(together, alone, strict=True):
        assert [word.text for word in one.words] == [word.text for word in other.words]
        for a, b in zip(one.words, other.words, strict=True):
            assert (a.start_s, a.end_s, a.confidence) == pytest.approx((b.start_s, b.end_s, b.confidence), abs=1e-3)


@pytest.mark.parametrize("samples", [NOISE[:0], NOISE[:100], np.zeros(RATE, np.float32)], ids=["none", "6 ms", "zeros"])
def test_next_to_nothing_is_answered(recogniser: Recogniser, samples: Float32s) -> None:
    (heard,) = recogniser.recognise([Piece(samples, "en")])
    assert all(word.end_s <= len(samples) / RATE + 0.01 for word in heard.words)


def test_sound_beyond_full_scale_is_answered(recogniser: Recogniser) -> None:
    assert len(recogniser.recognise([Piece(talk() * 100, "en")])) == 1


@pytest.mark.slow
def test_whisper_listens_for_the_language_where_none_is_told(whisper_folder: Path) -> None:
    whisper = Whisper(str(whisper_folder), "cpu", "auto", "off")
    told, listened, german = whisper.recognise([Piece(NOISE, "en"), Piece(NOISE), Piece(NOISE, "de")])
    assert (told.language, told.language_confidence) == ("en", 1.0)
    assert len(listened.language) >= 2 and 0 < listened.language_confidence < 1
    assert german.language == "de"
    assert told.words


@pytest.mark.slow
def test_whisper_runs_in_a_process_of_its_own(whisper_folder: Path) -> None:
    build = partial(build_whisper, str(whisper_folder), "cpu", "auto", "off")
    model: IsolatedModel[Piece, Recognition] = IsolatedModel(build, 60, 4000, "whisper-tiny")
    (heard,) = model.run([Piece(NOISE, "en")])
    model.close()
    assert heard.words == Whisper(str(whisper_folder), "cpu", "auto", "off").recognise([Piece(NOISE, "en")])[0].words


@pytest.mark.slow
def test_words_are_aligned_by_a_model_in_a_folder(tmp_path: Path) -> None:
    folder = _tiny_aligner(tmp_path)
    words = (RecognisedWord("hello", 0.0, 2.9, 0.8), RecognisedWord("there", 2.9, 3.0, 0.7))
    aligned = Aligner(str(folder), "cpu").align(words, NOISE, "en")
    assert [(word.text, word.confidence) for word in aligned] == [("hello", 0.8), ("there", 0.7)]
    assert all(0 <= word.start_s <= word.end_s <= 3.01 for word in aligned)
    assert [(word.start_s, word.end_s) for word in aligned] != [(0.0, 2.9), (2.9, 3.0)]


@pytest.mark.slow
def test_without_an_alignment_model_whispers_own_times_stay(no_network: None) -> None:
    words = (RecognisedWord("hallo", 0.1, 0.5, 0.8),)
    assert Aligner("auto", "cpu").align(words, NOISE, "de") == words
    assert Aligner("auto", "cpu").align(words, NOISE, "xx") == words
    assert Aligner("off", "cpu").align(words, NOISE, "en") == words


@pytest.mark.slow
def test_an_alignment_model_that_cannot_be_loaded_costs_no_words(no_network: None, tmp_path: Path) -> None:
    words = (RecognisedWord("yes", 1.0, 1.2, 0.9),)
    assert Aligner(str(tmp_path), "cpu").align(words, NOISE, "en") == words


@pytest.mark.slow
def test_words_that_cannot_be_aligned_keep_whispers_own_times(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The sound is of another shape than whisperx takes."""
    words = (RecognisedWord("yes", 1.0, 1.2, 0.9),)
    aligner = Aligner(str(_tiny_aligner(tmp_path)), "cpu")
    assert aligner.align(words, np.zeros((4, 4, RATE), np.float32), "en") == words
    assert [line.levelname for line in caplog.records if line.msg.startswith("not aligned")] == ["WARNING"]


def _tiny_aligner(folder: Path) -> Path:
    """An untrained wav2vec 2.0 with a CTC head over letters, as transformers saves one."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    letters = {
        token: number for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnop"])
    }
    letters |= {token: len(letters) + number for number, token in enumerate("qrstuvwxyz'")}
    (folder / "vocab.json").write_text(json.dumps(letters))
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        vocab_size=len(letters),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))).save_pretrained(
        folder
    )
    return folder


def test_auto_without_weights_takes_pocketsphinx_without_asking_the_network(no_network: None) -> None:
    choice = choose("auto", "small")
    assert choice and choice.name == "pocketsphinx-en-us"
    assert choice.languages == frozenset({"en"})


def test_whisper_without_weights_says_what_to_do(no_network: None) -> None:
    with pytest.raises(ModelMissing, match=r"download_model.*SPEAKERLINE_ASR_WHISPER"):
        choose("whisper", "large-v3")


def test_a_folder_that_is_no_model_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"lacks model.bin, config.json, tokenizer.json"):
        find_whisper(str(tmp_path))


def test_a_mistyped_folder_of_an_alignment_model_is_refused_with_its_name(tmp_path: Path) -> None:
    wrong = str(tmp_path / "wav2vec")
    with pytest.raises(ModelMissing, match=rf"'{wrong}' is no alignment model.*auto, off, or a folder"):
        choose("auto", "small", alignment=wrong)


def test_off_is_no_recogniser() -> None:
    assert choose("off", "small") is None


@pytest.mark.slow
def test_auto_takes_whisper_where_its_weights_are(whisper_folder: Path) -> None:
    choice = choose("auto", str(whisper_folder), "cpu")
    assert choice and choice.name.startswith("whisper-tiny")
    assert choice.languages == languages_of(whisper_folder)
    pickle.dumps(choice.build)


@pytest.mark.slow
def test_whisper_knows_the_languages_that_faster_whisper_takes(whisper_folder: Path) -> None:
    loaded = WhisperModel(str(whisper_folder), device="cpu")
    known = {code for code in loaded.supported_languages if loaded.hf_tokenizer.token_to_id(f"<|{code}|>") is not None}
    assert languages_of(whisper_folder) == known
    assert {"en", "de", "zh"} <= known and "yue" not in known


@pytest.mark.parametrize("name", ["vocabulary.json", "vocabulary.txt"])
def test_a_whisper_without_the_empty_token_is_english_only(tmp_path: Path, name: str) -> None:
    tokens = ["a", "<|endoftext|>", "<|en|>", "<|de|>", "<|translate|>"]
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


def _utterance() -> tuple[Float32s, list[tuple[str, float, float]]]:
    """A real one with the true times of its words."""
    folder, name = recordings("transcripts"), "4406-16882-0012"
    samples, _ = soundfile.read(folder / f"{name}.flac", dtype="float32")
    words = _words_of((folder / f"{name}.TextGrid").read_text())
    return samples[: 6 * RATE], [word for word in words if word[2] < 6]


def _words_of(grid: str) -> list[tuple[str, float, float]]:
    """The tier of words of a TextGrid."""
    tier = grid.split("item [")[2]
    values = [line.split("=", 1)[1].strip().strip('"') for line in tier.splitlines() if "=" in line]
    rows = [values[at : at + 3] for at in range(len(values) % 3 + 3, len(values) - 2, 3)]
    return [(text.lower(), float(start), float(end)) for start, end, text in rows if text]


def test_sphinx_hears_real_words_where_they_are() -> None:
    samples, truth = _utterance()
    (heard,) = build_sphinx()([Piece(samples, "en")])
    times = {text: (start, end) for text, start, end in truth}
    right = [word for word in heard.words if word.text in times and abs(word.start_s - times[word.text][0]) < 0.3]
    assert len(right) >= len(truth) / 3
    assert np.median([abs(word.start_s - times[word.text][0]) for word in right]) < 0.08


def test_sphinx_hears_the_same_whatever_it_heard_before() -> None:
    samples, _ = soundfile.read(packaged_file("pyannote.audio", "sample/sample.wav"), dtype="float32")
    one, other = Piece(samples[int(6.5 * RATE) : 10 * RATE], "en"), Piece(samples[15 * RATE : 18 * RATE], "en")
    first, _, again = Sphinx().recognise([one, other, one])
    assert first.words and first == again
