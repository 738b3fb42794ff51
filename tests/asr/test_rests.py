"""What a recogniser left out of a window is decoded again; of what lifted voices say, what is told."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from speakerline.services.asr.decoding import Decoder, Said, SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.windows import LiftedVoice, Region, Window
from speakerline.shared.arrays import Float32s
from tests.asr.toy import Sound

Answer = Sequence[RecognisedWord]


def word(text: str, start_ms: int, end_ms: int, confidence: float = 0.9) -> RecognisedWord:
    """In a piece that begins at 0 ms."""
    return RecognisedWord(text, start_ms / 1000, end_ms / 1000, confidence)


class Script:
    """A recogniser that gives these answers, one after the other, and then none."""

    def __init__(self, *answers: Answer, doubtful: float = 0.0) -> None:
        self.pieces: list[Piece] = []
        self.guarded: dict[str, int] = {}
        self._answers: Iterator[Answer] = iter(answers)
        self.recogniser = SharedRecogniser(self._recognise, "script", guarded=self._count, doubtful=doubtful)

    def decoder(self, sound: Sound | None = None) -> Decoder:
        return Decoder(self.recogniser, sound or Sound([np.full(20 * RATE, 0.1, np.float32)]), RATE)

    async def _recognise(self, piece: Piece) -> Recognition:
        self.pieces.append(piece)
        return Recognition(tuple(next(self._answers, ())), "en")

    def _count(self, guard: str, words: int) -> None:
        self.guarded[guard] = self.guarded.get(guard, 0) + words


def window(*speech: tuple[int, int]) -> Window:
    return Window("W1", 0, speech[0][0], speech[-1][1], 0, speech[-1][1], speech)


def texts(words: Sequence[Guess]) -> str:
    return " ".join(one.text for one in words)


@pytest.mark.parametrize(
    ("last_end_ms", "speech", "again"),
    [
        pytest.param(6000, [(0, 8000)], True, id="two seconds of speech are left"),
        pytest.param(6001, [(0, 8000)], False, id="less is left"),
        pytest.param(6000, [(0, 5000), (6500, 8000)], True, id="a second and a half of it is speech"),
        pytest.param(6000, [(0, 5000), (6501, 8000)], False, id="less of it is speech"),
    ],
)
async def test_where_enough_is_left_behind_the_last_word_it_is_decoded(
    last_end_ms: int, speech: list[tuple[int, int]], again: bool
) -> None:
    script = Script([word("so", 0, 500), word("then", 5000, last_end_ms)])
    words, _ = await script.decoder().window(window(*speech), Said())
    assert texts(words) == "so then"
    assert [piece.seconds for piece in script.pieces] == ([8.0, 2.0] if again else [8.0])


async def test_the_rest_goes_on_from_the_words_before_and_repeats_none() -> None:
    script = Script([word("so", 0, 500), word("then", 900, 1000)], [word("then", -300, 200), word("we", 0, 300)])
    words, _ = await script.decoder().window(window((0, 8000)), Said())
    assert [(one.text, one.start_ms, one.end_ms) for one in words] == [
        ("so", 0, 500),
        ("then", 900, 1000),
        ("we", 1000, 1300),
    ]
    assert [piece.prompt for piece in script.pieces[:2]] == ["", "so then"]


async def test_where_the_rest_has_no_words_it_is_not_asked_for_again() -> None:
    script = Script([word("so", 0, 500)], [])
    await script.decoder().window(window((0, 8000)), Said())
    assert len(script.pieces) == 2


async def test_the_rest_is_decoded_twice_at_most() -> None:
    script = Script(*[[word(f"w{at}", 0, 100)] for at in range(9)])
    words, _ = await script.decoder().window(window((0, 20_000)), Said())
    assert texts(words) == "w0 w1 w2"


async def test_where_nothing_at_all_is_recognised_that_is_the_answer() -> None:
    script = Script()
    assert await script.decoder().window(window((0, 8000)), Said()) == ([], "en")
    assert len(script.pieces) == 1


async def test_thirty_words_before_are_the_prompt_and_none_that_come_later() -> None:
    said = Said("en", [Guess(f"w{at}", 100 * at, 100 * at + 50, 0.9) for at in range(60)])
    script = Script()
    late = Window("W1", 0, 5000, 8000, 5000, 8000, ((5000, 8000),))
    await script.decoder().window(late, said)
    assert script.pieces[0].prompt == " ".join(f"w{at}" for at in range(20, 50))


def noise(seed: int) -> Float32s:
    return np.random.default_rng(seed).normal(0, 0.1, RATE).astype(np.float32)


async def of_voices(*answers: Answer, doubtful: float = 0.0) -> tuple[list[str], dict[str, int]]:
    """What is told of each voice of an overlap from 5 to 6 s, whose pieces begin at 3.5 s; and what was not."""
    call = np.concatenate([np.zeros(5 * RATE, np.float32), noise(1) + noise(2), np.zeros(5 * RATE, np.float32)])
    script = Script(*answers, doubtful=doubtful)
    voices = tuple(LiftedVoice(f"X{at}", 5000, 6000, f"W{at}") for at in (1, 2))
    decoder = script.decoder(Sound([call], {"X1": noise(1), "X2": noise(2)}))
    found = await decoder.region(Region(0, 5000, 6000, voices), Said())
    return [texts(words) for words in found], script.guarded


async def test_of_a_voice_words_are_told_whose_middle_is_in_the_overlap() -> None:
    answer = [
        word("before", 1400, 1598),
        word("first", 1400, 1600),
        word("last", 2400, 2598),
        word("behind", 2400, 2600),
    ]
    assert await of_voices(answer, []) == (["first last", ""], {"outside": 2})


async def test_of_a_voice_words_are_told_that_the_recogniser_believes() -> None:
    answer = [word("yes", 1600, 1700, 0.5), word("no", 1800, 1900, 0.49)]
    assert await of_voices(answer, [], doubtful=0.5) == (["yes", ""], {"doubtful": 1})


@pytest.mark.parametrize(
    ("other", "told"),
    [
        pytest.param(word("Well,", 2099, 2199, 0.9), ["", "Well,"], id="the one that is surer"),
        pytest.param(word("Well,", 2099, 2199, 0.7), ["well", ""], id="whichever that is"),
        pytest.param(word("Well,", 2099, 2199, 0.8), ["", "Well,"], id="of equals the later voice's"),
        pytest.param(word("Well,", 2100, 2200, 0.9), ["well", "Well,"], id="half a second apart they are two"),
        pytest.param(word("we", 1600, 1700, 0.9), ["well", "we"], id="other words"),
    ],
)
async def test_the_same_word_in_two_voices_is_told_once(other: RecognisedWord, told: list[str]) -> None:
    assert (await of_voices([word("well", 1600, 1700, 0.8)], [other]))[0] == told
