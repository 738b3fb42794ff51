"""Simulated calls know what is said in them, where their utterances know it."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from speakerline.tools.score.transcripts import read_transcripts
from speakerline.tools.simulate.simulator import CallSettings, simulate_call, simulate_folder
from speakerline.tools.simulate.speaking import Supply
from speakerline.tools.simulate.transcripts import SpokenWord, read_textgrid, words_beside, write_seglst, write_stm
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import find_utterances

RATE = 16_000
WORD_S = 0.3


def textgrid(words: list[tuple[str, float, float]]) -> str:
    intervals = "".join(
        f'\t\t\tintervals [{number}]:\n\t\t\t\txmin = {start}\n\t\t\t\txmax = {end}\n\t\t\t\ttext = "{text}"\n'
        for number, (text, start, end) in enumerate(words, 1)
    )
    tier = f'\t\tclass = "IntervalTier"\n\t\tname = "words"\n\t\tintervals: size = {len(words)}\n{intervals}'
    phones = '\titem [2]:\n\t\tname = "phones"\n\t\t\txmin = 0.0\n\t\t\txmax = 1.0\n\t\t\ttext = "AH0"\n'
    return f'File type = "ooTextFile"\nitem []:\n\titem [1]:\n{tier}{phones}'


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, each with an utterance of noise that changes its loudness at every word."""
    folder = tmp_path_factory.mktemp("told")
    for number, name in enumerate(("ada", "bob")):
        random, words = np.random.default_rng(number), []
        for at in range(60):
            words.append((f"{name}{at}", round(WORD_S * at, 3), round(WORD_S * (at + 1), 3)))
        loudness = np.repeat(random.uniform(0.05, 0.2, 60), int(WORD_S * RATE))
        with wave.open(str(folder / f"{name}-1.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((random.uniform(-1, 1, len(loudness)) * loudness * 32767).astype("<i2").tobytes())
        (folder / f"{name}-1.TextGrid").write_text(textgrid([("", 0.0, 0.0), *words]), "utf-8")
    return folder


def test_words_of_a_textgrid_are_read_without_its_pauses_and_phones(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid([("", 0.0, 0.14), ("the", 0.14, 0.29), ("sp", 0.29, 0.4), ("war", 0.4, 0.53)]), "utf-8")
    assert read_textgrid(path) == [("the", 0.14, 0.29), ("war", 0.4, 0.53)]
    assert words_beside(tmp_path / "a.flac") == read_textgrid(path)
    assert words_beside(tmp_path / "b.flac") is None


def test_a_textgrid_without_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.TextGrid").write_text('name = "phones"\n', "utf-8")
    with pytest.raises(ValueError, match=r'a\.TextGrid is no TextGrid with a tier "words"'):
        read_textgrid(tmp_path / "a.TextGrid")


def test_every_word_of_a_call_lies_in_a_turn_of_its_speaker_and_none_is_cut(speech: Path) -> None:
    call = simulate_call(find_utterances(speech), 4, CallSettings(Conversation(duration_s=40)))
    assert call.words and {word.speaker for word in call.words} == {"ada", "bob"}
    for word in call.words:
        assert word.text.startswith(word.speaker)
        middle = (word.start_s + word.end_s) / 2
        assert any(start <= 1000 * middle < end for start, end in call.truth[word.speaker])
        assert word.end_s - word.start_s == pytest.approx(WORD_S, abs=0.002) or word.end_s > 39
    assert [word.start_s for word in call.words] == sorted(word.start_s for word in call.words)


def test_a_word_is_where_its_sound_is(speech: Path) -> None:
    """The loudness of each word of the call is that of the word in the utterance."""
    supply = Supply.of([speech / "ada-1.wav"], 8000, lambda path: np.arange(18 * 8000, dtype=np.float32))
    placed = supply.placed(8000 * 3, 8000 * 6, 8000 * 20, 8000)
    text, start_s, end_s = placed[0]
    assert (text, len(placed)) == ("ada10", 10)
    assert (start_s, end_s) == pytest.approx((20.0, 20.3))
    assert supply.whole_words(8000 * 3 + 100) == round(8000 * 3.3)
    assert supply.whole_words(8000 * 3) == 8000 * 3


def test_calls_of_utterances_without_words_have_none(speech: Path, tmp_path: Path) -> None:
    for path in speech.glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "ada-1.TextGrid").write_text((speech / "ada-1.TextGrid").read_text("utf-8"), "utf-8")
    call = simulate_call(find_utterances(tmp_path), 4, CallSettings(Conversation(duration_s=10)))
    assert call.words is None
    simulate_folder(tmp_path, tmp_path / "out", 1, 4, CallSettings(Conversation(duration_s=10)))
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".rttm", ".wav"]


def test_what_is_said_is_written_beside_the_truth_and_read_by_the_score(speech: Path, tmp_path: Path) -> None:
    (path,) = simulate_folder(speech, tmp_path, 1, 4, CallSettings(Conversation(duration_s=20)))
    call = simulate_call(find_utterances(speech), 4, CallSettings(Conversation(duration_s=20)))
    assert call.words
    words = [word.text for word in call.words]
    by_word = read_transcripts(path.with_suffix(".seglst.json"))["simulated-4"].said
    by_turn = read_transcripts(path.with_suffix(".stm"))["simulated-4"].said
    assert sorted(one.text for one in by_word) == sorted(words)
    assert sorted(" ".join(one.text for one in by_turn).split()) == sorted(words) and len(by_turn) < len(by_word)
    assert by_word[0].start_ms == round(call.words[0].start_s * 1000)


def test_a_pause_begins_a_new_line(tmp_path: Path) -> None:
    words = [SpokenWord("a", "one", 0.0, 0.4), SpokenWord("b", "mhm", 0.2, 0.5, 1), SpokenWord("a", "two", 0.5, 0.9)]
    words.append(SpokenWord("a", "three", 1.6, 2.0))
    write_stm(tmp_path / "x.stm", "c", words)
    assert (tmp_path / "x.stm").read_text("utf-8").splitlines() == [
        "c 1 a 0.000 0.900 <NA> one two",
        "c 2 b 0.200 0.500 <NA> mhm",
        "c 1 a 1.600 2.000 <NA> three",
    ]
    write_seglst(tmp_path / "x.json", "c", words[:1])
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == [
        {"session_id": "c", "speaker": "a", "start_time": 0.0, "end_time": 0.4, "words": "one"}
    ]
