"""Whisper runs for real: with weights that are made here, by chance, and with the genuine ones of tiny.en."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from threadpoolctl import threadpool_limits

from speakerline.services.asr.choice import build_whisper
from speakerline.services.asr.engine import RATE, Piece, Recogniser, Recognition
from speakerline.services.asr.guards import guard
from speakerline.services.asr.weights import find_whisper
from speakerline.services.asr.whisper import Whisper, precision_for, threads_for
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.runtime.isolation import IsolatedModel
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.normalise import normalise
from speakerline.tools.score.word_errors import word_errors
from tests.asr import tiny_whisper
from tests.recordings import recordings

NOISE = np.random.default_rng(0).normal(0, 0.05, 3 * RATE).astype(np.float32)

GENUINE = pytest.param("genuine", id="genuine tiny.en")
MADE_UP = pytest.param("made up", id="made up", marks=pytest.mark.slow)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other by spinning take minutes on a machine that has much else to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.write(tmp_path_factory.mktemp("whisper-tiny"), tmp_path_factory.mktemp("transformers"))


@pytest.fixture(scope="module")
def genuine() -> Whisper:
    return Whisper(str(find_whisper("tiny.en")), "cpu", alignment="off")


@pytest.fixture(scope="module", params=[GENUINE, MADE_UP])
def recogniser(request: pytest.FixtureRequest) -> Recogniser:
    if request.param == "genuine":
        found: Recogniser = request.getfixturevalue("genuine")
        return found
    return Whisper(str(request.getfixturevalue("whisper_folder")), "cpu", "auto", "off")


def talk() -> Float32s:
    """Three seconds of noise that comes and goes like syllables."""
    envelope = (np.sin(np.arange(3 * RATE) * 2 * np.pi * 4 / RATE) > 0).astype(np.float32)
    return NOISE * envelope


def call(start_s: float, end_s: float) -> Float32s:
    """Of the sample call."""
    samples, _ = soundfile.read(sample_call(), dtype="float32")
    piece: Float32s = samples[round(start_s * RATE) : round(end_s * RATE)]
    return piece


@pytest.mark.parametrize("fast", [False, True], ids=["final", "fast"])
def test_words_lie_within_the_piece_in_order_with_a_length_and_a_confidence(recogniser: Recogniser, fast: bool) -> None:
    (heard,) = recogniser.recognise([Piece(call(8, 14), "en", fast=fast)])
    assert heard.language == "en"
    assert heard.words
    assert all(word.text == word.text.strip() and word.text for word in heard.words)
    assert all(0 <= word.start_s < word.end_s <= 6 for word in heard.words)
    assert all(0 <= word.confidence <= 1 for word in heard.words)
    assert [word.start_s for word in heard.words] == sorted(word.start_s for word in heard.words)
    assert 0 <= heard.no_speech <= 1


def test_pieces_do_not_influence_each_other(recogniser: Recogniser) -> None:
    pieces = [Piece(talk(), "en"), Piece(NOISE[:RATE], "en"), Piece(talk()[RATE:], "en", prompt="so a b c")]
    together = recogniser.recognise(pieces)
    alone = [recogniser.recognise([piece])[0] for piece in reversed(pieces)][::-1]
    for one, other in zip(together, alone, strict=True):
        assert [word.text for word in one.words] == [word.text for word in other.words]
        for a, b in zip(one.words, other.words, strict=True):
            assert (a.start_s, a.end_s, a.confidence) == pytest.approx((b.start_s, b.end_s, b.confidence), abs=1e-3)


def test_fast_pieces_of_like_lengths_run_together_and_the_others_apart(genuine: Whisper) -> None:
    """With 2 s of silence they fill steps of 4 s; a prompt has 16 tokens or none."""
    long = " ".join(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"] * 2)
    sound = {seconds: call(0, seconds) for seconds in (1.0, 2.0, 2.1, 6.0)}
    pieces = [
        Piece(sound[1.0], "en", fast=True),
        Piece(sound[2.0], "en", fast=True, prompt="too few"),
        Piece(sound[2.1], "en", fast=True, begins="so"),
        Piece(sound[6.0], "en", fast=True),
        Piece(sound[6.0], "en", fast=True, prompt=long),
        Piece(sound[6.0], "en", fast=True, prompt=f"well {long}"),
        Piece(sound[6.0], "en"),
    ]
    assert sorted(genuine.groups(pieces)) == [[0, 1], [2, 3], [4, 5], [6]]


@pytest.mark.parametrize(("cores", "threads"), [(0.5, 1), (1, 1), (2, 1), (3.9, 2), (4, 3), (64, 4)])
def test_one_core_is_left_to_labels(cores: float, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads_for(cores) == 1, "as OMP_NUM_THREADS says"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads_for(cores) == threads


@pytest.mark.parametrize("threads", [2, 3])
def test_what_whisper_listens_to_does_not_depend_on_the_number_of_threads(genuine: Whisper, threads: int) -> None:
    piece = Piece(np.concatenate([NOISE, talk()]))
    with threadpool_limits(1, "blas"):
        alone = genuine._mel(piece)
    with threadpool_limits(threads, "blas"):
        assert np.array_equal(genuine._mel(piece), alone)


@pytest.mark.parametrize("samples", [NOISE[:0], NOISE[:100], np.zeros(RATE, np.float32)], ids=["none", "6 ms", "zeros"])
def test_next_to_nothing_is_answered(recogniser: Recogniser, samples: Float32s) -> None:
    (heard,) = recogniser.recognise([Piece(samples, "en")])
    assert all(word.end_s <= len(samples) / RATE + 0.01 for word in heard.words)


def test_sound_beyond_full_scale_is_answered(recogniser: Recogniser) -> None:
    assert len(recogniser.recognise([Piece(talk() * 100, "en")])) == 1


@pytest.mark.slow
def test_the_language_is_detected_where_none_is_told_and_the_usual_one_taken_where_that_is_not_sure(
    whisper_folder: Path,
) -> None:
    whisper = Whisper(str(whisper_folder), "cpu", "auto", "off")
    pieces = [Piece(NOISE, "de"), Piece(NOISE), Piece(NOISE, usual="fr")]
    told, detected, usual = [one.language for one in whisper.recognise(pieces)]
    assert (told, usual) == ("de", "fr")
    assert len(detected) >= 2 and detected != "fr"


@pytest.mark.slow
def test_whisper_runs_in_a_process_of_its_own(whisper_folder: Path) -> None:
    build = partial(build_whisper, str(whisper_folder), "cpu", "auto", "off")
    pickle.dumps(build)
    model: IsolatedModel[Piece, Recognition] = IsolatedModel(build, 60, 4000, "whisper-tiny")
    (heard,) = model.run([Piece(NOISE, "en")])
    model.close()
    assert heard.words == Whisper(str(whisper_folder), "cpu", "auto", "off").recognise([Piece(NOISE, "en")])[0].words


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [("cpu", "auto", "int8"), ("cuda", "auto", "float16"), ("cpu", "float32", "float32")],
)
def test_the_precision_is_what_is_fast_there(device: str, precision: str, expected: str) -> None:
    assert precision_for(device, precision) == expected


def test_users_are_not_told_of_float16(capfd: pytest.CaptureFixture[str]) -> None:
    Whisper(str(find_whisper("tiny.en")), "cpu", alignment="off")
    assert "float16" not in "".join(capfd.readouterr())


def test_words_of_the_sample_call_are_recognised(genuine: Whisper) -> None:
    (heard,) = genuine.recognise([Piece(call(12.2, 28), "en")])
    truth = (
        "this is diane in new jersey and i'm sheila in texas originally from chicago oh i'm originally from chicago "
        "also i'm in new jersey now though well there isn't that much difference at least you know they all call me "
        "a yankee down here so what kind of"
    )
    said = normalise(" ".join(word.text for word in heard.words))
    errors = word_errors(normalise(truth), said)
    assert (errors.substitutions + errors.insertions) / errors.words < 0.25
    assert heard.no_speech < 0.5


def test_a_poor_answer_is_sought_again_and_the_best_counts(genuine: Whisper) -> None:
    """A prompt that goes round in circles makes Whisper do so."""
    loop = "and then and then and then and then and then and then and then and then and then"
    (heard,) = genuine.recognise([Piece(call(12.2, 18), "en", prompt=loop)])
    assert "jersey" in normalise(" ".join(word.text for word in heard.words))


def test_the_words_that_a_piece_begins_with_are_taken_as_they_are_and_the_rest_is_sought(genuine: Whisper) -> None:
    piece = Piece(call(12.2, 18), "en", fast=True)
    (heard,) = genuine.recognise([piece])
    text = [word.text for word in heard.words]
    (again,) = genuine.recognise([replace(piece, begins=" ".join(text[:6]))])
    assert [word.text for word in again.words] == text
    (other,) = genuine.recognise([replace(piece, begins="That was Diane,")])
    assert [word.text for word in other.words][:3] == ["That", "was", "Diane"]
    assert normalise(" ".join(word.text for word in other.words[3:]))[:3] == ["in", "new", "jersey"]


def test_a_full_stop_behind_what_a_piece_begins_with_does_not_end_it(genuine: Whisper) -> None:
    piece = Piece(call(12.2, 18), "en", fast=True)
    (heard,) = genuine.recognise([replace(piece, begins="This is Diane.")])
    assert "texas" in normalise(" ".join(word.text for word in heard.words))


@pytest.mark.parametrize("window_s", [(1.7, 17.0), (17.7, 32.7), (33.2, 43.1)], ids=str)
def test_guards_take_no_sure_word_of_a_real_phone_call(genuine: Whisper, window_s: tuple[float, float]) -> None:
    samples, rate = soundfile.read(recordings("calls") / "commercial_mono.flac", dtype="float32")
    begin, end = (round(second * rate) for second in window_s)
    piece = Piece(to_16khz(samples[begin:end], rate), "en")
    (heard,) = genuine.recognise([piece])
    kept = guard(heard, piece.samples).words
    assert [word for word in heard.words if word not in kept and word.confidence > 0.7] == []
    assert len(kept) > 5


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


def test_words_are_where_they_were_said(genuine: Whisper) -> None:
    samples, truth = _utterance()
    (heard,) = genuine.recognise([Piece(samples, "en")])
    times = {text: start for text, start, _ in truth}
    late = [word.start_s - times[text] for word in heard.words if (text := "".join(normalise(word.text))) in times]
    near = [one for one in late if abs(one) < 0.5]
    assert len(near) >= len(truth) / 2
    assert abs(np.median(near)) < 0.08
