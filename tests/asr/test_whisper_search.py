"""How Whisper is asked: which pieces together, with which words before, how long; and which of its answers counts."""

from dataclasses import replace
from typing import Any

import ctranslate2
import faster_whisper
import numpy as np
import pytest

from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.whisper import Whisper, device_for
from tests.asr.scripted_whisper import TOKENIZER, Scripted

START = "<|startoftranscript|><|en|><|transcribe|>"
LOOP = "and then" + " and then" * 30


class Asked:
    """Whisper with a scripted model."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Scripted, device: str = "cpu") -> None:
        monkeypatch.setattr(faster_whisper, "WhisperModel", model)
        self.model, self.whisper = model, Whisper("folder", device, "auto", "off")

    def __call__(self, *pieces: Piece) -> list[Recognition]:
        return self.whisper.recognise(pieces)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch, Scripted())


def piece(seconds: float = 2.0, height: float = 0.5, language: str = "en", **more: Any) -> Piece:
    """Even sound."""
    return Piece(np.full(round(seconds * RATE), height, np.float32), language, **more)


FAST, NARROW, FINAL = piece(fast=True), piece(narrow=True), piece()


@pytest.mark.parametrize(
    ("one", "beams", "longest", "timestamps"),
    [
        pytest.param(FAST, 1, 2 * 8 + 8, False, id="fast"),
        pytest.param(NARROW, 2, 2 * 12 + 16, True, id="narrow"),
        pytest.param(FINAL, 5, 2 * 12 + 16, True, id="final"),
        pytest.param(replace(FAST, narrow=True), 1, 2 * 8 + 8, False, id="fast goes before narrow"),
        pytest.param(piece(0.1), 5, round(0.1 * 12) + 16, True, id="short"),
    ],
)
def test_how_wide_and_how_long_is_searched(
    asked: Asked, one: Piece, beams: int, longest: int, timestamps: bool
) -> None:
    asked(one)
    (search,) = asked.model.searches
    assert search.prompts == [START if timestamps else f"{START}<|notimestamps|>"]
    assert search.options["beam_size"] == beams
    assert search.options["max_length"] == search.lengths[0] + longest
    assert search.options["max_initial_timestamp_index"] == 50, "the first word begins within a second"
    assert search.options["return_scores"] and search.options["return_no_speech_prob"]
    suppressed = {TOKENIZER.id_to_token(token) for token in search.options["suppress_tokens"]}
    assert {"(", "[", "<|translate|>"} <= suppressed, "nothing is described, and nothing translated"


def test_an_answer_is_no_longer_than_the_model_can_say(asked: Asked) -> None:
    asked.model.answers = [("and so they went away, and came again.." + " so" * 10, -0.5)]
    asked(piece(30))
    assert asked.model.searches[0].options["max_length"] == 3 + 30 * 12 + 16
    asked(piece(30, prompt="a" * 200))
    (_, search) = asked.model.searches
    assert search.options["max_length"] == 3 + 1 + 48 + 30 * 12 + 16
    asked(piece(30, begins="a" * 100))
    assert asked.model.searches[2].options["max_length"] == 448


def test_pieces_that_run_together_may_answer_as_long_as_the_longest(asked: Asked) -> None:
    asked(piece(2), piece(6), piece(3))
    (search,) = asked.model.searches
    assert search.options["max_length"] == 3 + 6 * 12 + 16


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(0.1, 400), (2.0, 400), (2.1, 800), (6.0, 800), (25.9, 2800), (26.1, 3000), (30.0, 3000)],
)
def test_a_fast_piece_is_followed_by_two_seconds_of_silence_in_steps_of_four(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, seconds: float, frames: int
) -> None:
    asked(piece(seconds, fast=True))
    ((sound,),) = [search.frames for search in asked.model.searches]
    assert len(sound) == frames
    assert sound == [0.5] * round(seconds * 100) + [0.0] * (frames - round(seconds * 100))
    for model, one in ((asked, piece(seconds)), (Asked(monkeypatch, Scripted(), "cuda"), piece(seconds, fast=True))):
        model(one)
        assert len(model.model.searches[-1].frames[0]) == 3000, "final words, and a GPU, have all thirty"


def test_answers_come_in_the_order_of_the_pieces_whichever_run_together(asked: Asked) -> None:
    asked.model.answers = [(text, -0.5) for text in ("one", "two", "three", "four")]
    pieces = [piece(2, 0.1), piece(2, 0.2, fast=True), piece(2, 0.3), piece(2, 0.4, fast=True)]
    found = asked(*pieces)
    said: dict[float, str] = {}
    for search, texts in zip(asked.model.searches, (["one", "two"], ["three", "four"]), strict=True):
        said |= dict(zip((round(sound[0], 1) for sound in search.frames), texts, strict=True))
    assert [one.words[0].text for one in found] == [said[height] for height in (0.1, 0.2, 0.3, 0.4)]


@pytest.mark.parametrize(("samples", "runs"), [(RATE // 10 - 1, 0), (RATE // 10, 1)])
def test_a_tenth_of_a_second_is_the_shortest_sound_with_a_word(asked: Asked, samples: int, runs: int) -> None:
    short = Piece(np.full(samples, 0.5, np.float32), "en")
    found = asked(FINAL, short, FINAL)
    assert len(asked.model.searches[0].frames) == 2 + runs
    if not runs:
        assert found[1] == Recognition()
    assert found[0].words and found[2].words


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(piece(language="de"), id="language"),
        pytest.param(piece(prompt="well"), id="words before"),
        pytest.param(piece(narrow=True), id="search"),
    ],
)
def test_pieces_that_are_searched_in_other_ways_run_apart(asked: Asked, other: Piece) -> None:
    assert sorted(asked.whisper.groups([FINAL, other, FINAL])) == [[0, 2], [1]]


def test_a_piece_whose_language_has_to_be_found_runs_alone(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = piece(language="")
    assert sorted(asked.whisper.groups([unknown, FINAL, unknown, FINAL])) == [[0], [1, 3], [2]]
    english = Asked(monkeypatch, Scripted(multilingual=False))
    assert list(english.whisper.groups([unknown, unknown])) == [[0, 1]], "a model of one language has none to find"


@pytest.mark.parametrize(
    ("told", "usual", "detected", "expected"),
    [
        pytest.param("fr", "it", ("de", 0.9), "fr", id="as told"),
        pytest.param("", "", ("de", 0.9), "de", id="as detected"),
        pytest.param("", "", ("de", 0.1), "de", id="as detected, though that is not sure, where none is usual"),
        pytest.param("", "it", ("de", 0.5), "de", id="as detected, where that is likelier than not"),
        pytest.param("", "it", ("de", 0.49), "it", id="the usual one where it is not"),
    ],
)
def test_the_language(
    monkeypatch: pytest.MonkeyPatch, told: str, usual: str, detected: tuple[str, float], expected: str
) -> None:
    asked = Asked(monkeypatch, Scripted(language=detected))
    (found,) = asked(piece(language=told, usual=usual))
    assert found.language == expected
    assert asked.model.searches[0].prompts == [START.replace("en", expected)]


def test_a_model_of_english_hears_english_whatever_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, Scripted(multilingual=False))
    (found,) = asked(piece(language="de"))
    assert found.language == "en"
    assert asked.model.searches[0].prompts == ["<|startoftranscript|>"]


WORDS = "".join(chr(ord("a") + number % 26) for number in range(60))


@pytest.mark.parametrize(
    ("one", "prompt"),
    [
        pytest.param(piece(prompt=" well "), f"<|startofprev|> well{START}", id="the words before"),
        pytest.param(piece(prompt=WORDS), f"<|startofprev|>{WORDS[-48:]}{START}", id="the last 48 tokens of them"),
        pytest.param(piece(begins="so we"), f"{START} so we", id="the words that it begins with"),
        pytest.param(piece(begins="so we."), f"{START} so we", id="without a full stop, which would end the answer"),
        pytest.param(piece(begins="?!"), START, id="of which nothing may be left"),
        pytest.param(piece(prompt="well", begins="so"), f"<|startofprev|> well{START} so", id="both"),
    ],
)
def test_a_final_piece_goes_on_from_the_words_before(asked: Asked, one: Piece, prompt: str) -> None:
    asked(one)
    assert asked.model.searches[0].prompts == [prompt]


@pytest.mark.parametrize(
    ("text", "before"),
    [
        pytest.param(WORDS[:14], "", id="fifteen tokens, with the blank: none"),
        pytest.param(WORDS[:15], f"<|startofprev|> {WORDS[:15]}", id="sixteen: all"),
        pytest.param(WORDS, f"<|startofprev|>{WORDS[-16:]}", id="more: the last sixteen"),
    ],
)
def test_a_fast_piece_goes_on_from_sixteen_tokens_or_none(asked: Asked, text: str, before: str) -> None:
    asked(piece(fast=True, prompt=text, begins="so"))
    assert asked.model.searches[0].prompts == [f"{before}{START}<|notimestamps|> so"]


GOOD, WORSE, WORST = ("good", -0.4), ("worse", -1.8), ("worst", -3.0)


@pytest.mark.parametrize(
    ("answers", "searches", "said"),
    [
        pytest.param([GOOD], 1, "good", id="a good one"),
        pytest.param([WORSE, GOOD], 2, "good", id="without the words before"),
        pytest.param([WORSE, WORST, GOOD], 3, "good", id="without timestamps, too"),
        pytest.param([WORSE, WORST, WORST], 3, "worse", id="the first, if that is the best of all"),
        pytest.param([WORST, WORST, WORSE], 3, "worse", id="the last, if that is"),
        pytest.param([(LOOP, -0.1), GOOD], 2, "good", id="one that goes round in circles is poor however sure it is"),
        pytest.param([(LOOP[:71], -0.1), GOOD], 2, "good", id="also if it does so eight times only"),
        pytest.param([("and then", -0.1)], 1, "and then", id="once is no circle"),
        pytest.param([(LOOP, -0.1), WORST, (LOOP, -0.2)], 3, "worst", id="and worse than an unsure one"),
        pytest.param([(LOOP, -0.3), (LOOP[9:], -0.1), (LOOP, -0.2)], 3, LOOP[9:], id="of circles the surest"),
    ],
)
def test_a_poor_answer_is_sought_in_other_ways_and_the_best_counts(
    asked: Asked, answers: list[tuple[str, float]], searches: int, said: str
) -> None:
    asked.model.answers = [*answers, ("never asked for", 0.0)]
    asked(piece(3, prompt="well", begins="so"))
    assert asked.model.aligned == [([said], [300])]
    prompts = [f"<|startofprev|> well{START} so", f"{START} so", f"{START}<|notimestamps|> so"]
    assert [search.prompts for search in asked.model.searches] == [[one] for one in prompts[:searches]]
    assert {len(search.frames[0]) for search in asked.model.searches} == {3000}


@pytest.mark.parametrize(
    ("answers", "searches", "said"),
    [
        pytest.param(["they went away"], 1, "they went away", id="other words"),
        pytest.param(["we meets"], 1, "we meets", id="seven tokens of them"),
        pytest.param(["we meet noon", "they went away"], 2, "they went away", id="eight: what is found without them"),
        pytest.param(["so we meet at ten", "so we meet at ten"], 2, "so we meet at ten", id="the same is: it was said"),
        pytest.param(["we meet at ten", LOOP, LOOP[9:]], 3, "we meet at ten", id="only circles are: the surest"),
    ],
)
def test_an_answer_that_may_be_copied_from_the_words_before_is_sought_without_them(
    asked: Asked, answers: list[str], searches: int, said: str
) -> None:
    asked.model.answers = [(answer, -0.1 * number) for number, answer in enumerate(answers, 2)]
    asked(piece(3, prompt="so we meet at ten"))
    assert asked.model.aligned == [([said], [300])]
    assert len(asked.model.searches) == searches


@pytest.mark.parametrize(
    ("one", "said", "searches"),
    [
        pytest.param(piece(5, prompt="well"), "x" * 9, 2, id="after other words"),
        pytest.param(piece(5, prompt="well"), "x" * 10, 1, id="two tokens a second are enough"),
        pytest.param(piece(5), "x" * 9, 1, id="it was sought without any"),
        pytest.param(piece(4.9, prompt="well"), "x", 1, id="short"),
        pytest.param(piece(5, prompt="well" * 9, fast=True), "x", 1, id="fast"),
    ],
)
def test_an_answer_with_too_few_words_is_sought_without_those_before(
    asked: Asked, one: Piece, said: str, searches: int
) -> None:
    asked.model.answers = [(said, -0.4), ("still few", -0.3), ("never asked for", 0.0)]
    asked(one)
    assert asked.model.aligned[0][0] == [said if searches == 1 else "still few"]
    assert len(asked.model.searches) == searches


def test_an_answer_is_poor_below_a_mean_of_one_to_e_a_token(asked: Asked) -> None:
    """The score of so many tokens is their sum over one fewer than with the end of the text."""
    tokens = len("so") + 2
    for mean, searches in ((-1.0, 1), (-1.01, 3)):
        asked.model.searches.clear()
        asked.model.answers = [("so", mean * (tokens + 1) / tokens)]
        asked(FINAL)
        assert len(asked.model.searches) == searches


def test_a_fast_piece_is_sought_once_however_poor_the_answer_is(asked: Asked) -> None:
    asked.model.answers = [WORST, GOOD]
    (found,) = asked(FAST)
    assert [word.text for word in found.words] == ["worst"]
    assert len(asked.model.searches) == 1


def test_of_several_pieces_only_the_poor_one_is_sought_again(asked: Asked) -> None:
    asked.model.answers = [GOOD, WORST, GOOD, ("better", -0.3)]
    found = asked(piece(2, 0.1), piece(2, 0.2), piece(2, 0.3))
    assert [one.words[0].text for one in found] == ["good", "better", "good"]
    (_, again) = asked.model.searches
    assert [round(sound[0], 1) for sound in again.frames] == [0.2]


@pytest.mark.parametrize(
    ("one", "frames"),
    [(piece(2.0), 200), (piece(0.25), 25), (piece(30.5), 3000), (piece(2.1, fast=True), 210)],
    ids=["final", "short", "longer than Whisper hears", "fast"],
)
def test_words_are_sought_where_there_is_sound(asked: Asked, one: Piece, frames: int) -> None:
    asked(one)
    assert asked.model.aligned == [(["so"], [frames])]


@pytest.mark.parametrize("fast", [False, True])
def test_words_are_told_where_they_were_said_within_the_piece(asked: Asked, fast: bool) -> None:
    asked.model.answers = [("so well then", -0.5)]
    (found,) = asked(piece(1.8, fast=fast))
    assert [(word.text, round(word.start_s, 2), round(word.end_s, 2)) for word in found.words] == [
        ("so", 0.91, 1.41),
        ("well", 1.41, 1.8),
    ], "earlier by 0.09 s; the third lies behind the end"
    assert (found.words[0].confidence, found.no_speech) == (0.75, 0.125)


@pytest.mark.parametrize("fast", [False, True])
def test_only_final_words_are_aligned_and_those_are_where_they_are(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    exact, heard = (RecognisedWord("so", 0.5, 0.7, 0.75),), list[Any]()

    def align(words: tuple[RecognisedWord, ...], samples: Any, language: str) -> tuple[RecognisedWord, ...]:
        heard.append(([word.text for word in words], len(samples), language))
        return exact

    monkeypatch.setattr(asked.whisper, "_aligner", type("Aligner", (), {"align": staticmethod(align)}))
    (found,) = asked(piece(2.0, fast=fast))
    assert heard == ([] if fast else [(["so"], 2 * RATE, "en")])
    assert [round(word.start_s, 2) for word in found.words] == [0.91 if fast else 0.5]


@pytest.mark.parametrize(("one", "beams"), [(FAST, 1), (FINAL, 5)])
def test_the_work_for_so_many_tokens_does_not_end_early(asked: Asked, one: Piece, beams: int) -> None:
    asked.whisper.search(one, 12)
    (search,) = asked.model.searches
    assert search.options == {
        "beam_size": beams,
        "max_length": search.lengths[0] + 12,
        "suppress_tokens": [TOKENIZER.token_to_id("<|endoftext|>")],
    }


@pytest.mark.parametrize(
    ("device", "gpus", "expected", "precision"),
    [("auto", 0, "cpu", "int8"), ("auto", 1, "cuda", "float16"), ("cpu", 1, "cpu", "int8")],
)
def test_a_gpu_is_used_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: int, expected: str, precision: str
) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: gpus)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert device_for(device) == expected
    model = Asked(monkeypatch, Scripted(), device).model
    assert model.made == {"folder": "folder", "device": expected, "compute_type": precision, "cpu_threads": 3}
