"""Which words of what the recogniser says are an utterance's own."""

from collections.abc import Sequence

import numpy as np
import pytest

from speakerline.services.asr.channel import Part
from speakerline.services.asr.decoding import Decoded, SharedRecogniser, decode
from speakerline.services.asr.engine import Piece, RecognisedWord, Recognition
from speakerline.services.asr.utterances import Utterance
from speakerline.shared.contract.v1 import Transcript
from speakerline.shared.runtime.stage import Event
from tests.asr.calls import turn
from tests.asr.toy import FINALS, Sound, ToyAsr, heard, number, steps

WORD = 100


def told(events: Sequence[Event]) -> list[tuple[int, int, int]]:
    """Start and end of the transcripts, and how often each told the word."""
    bodies = [event.body for event in events if isinstance(event.body, Transcript)]
    return [(one.start_ms, one.end_ms, [number(word.text) for word in one.words].count(WORD)) for one in bodies]


@pytest.mark.parametrize(
    ("word_ms", "of"),
    [
        pytest.param((1896, 2102), (0, 2102, 1), id="its middle is before the seam: it ends what was said before"),
        pytest.param((1900, 2100), (1900, 3500, 1), id="its middle is the seam: it begins what is said after"),
        pytest.param((1902, 2104), (1902, 3500, 1), id="its middle is behind the seam"),
    ],
)
async def test_a_word_at_the_seam_of_two_utterances_is_told_once(word_ms: tuple[int, int], of: tuple[int, int, int]):
    """Both are recognised with the sound around them, so that each hears it whole."""
    toy = ToyAsr(FINALS, Sound([steps({WORD: word_ms}, 5)]))
    found = await heard([turn(3000, "T1", 0, 2000), turn(3000, "T2", 2000, 3500, "S2")], toy)
    assert told(found) == [of]
    assert len(toy.pieces) == 2
    assert toy.guarded == {"outside": 1}


async def decoded(
    *words: RecognisedWord, source_id: str = "", mixed: Sequence[tuple[int, int]] = (), **more: object
) -> tuple[Decoded, dict[str, int]]:
    """Of an utterance from 1000 to 2000 ms; its sound begins at 700 ms. And what was taken out."""
    guarded: dict[str, int] = {}

    async def recognise(piece: Piece) -> Recognition:
        assert len(piece.samples) == 1600 * 16
        return Recognition(words, "en", 0.75)

    recogniser = SharedRecogniser(recognise, "toy", guarded=guarded.__setitem__, **more)  # type: ignore[arg-type]
    audio = Sound([np.full(5000 * 16, 0.1, np.float32)], {"s": np.full(1000 * 16, 0.1, np.float32)})
    part = Part(1000, 2000, source_id, 1000)
    utterance = Utterance("W1", 1, 0, (part,), part.span, tuple(mixed))
    return await decode(utterance, "", recogniser, audio, 16_000), guarded


async def test_words_have_the_times_of_the_call():
    found, _ = await decoded(RecognisedWord(" so ", 0.5, 0.7004, 0.8))
    (word,) = found.words
    assert (word.text, word.start_ms, word.end_ms, word.confidence, word.source_id) == ("so", 1200, 1400, 0.8, "")
    assert (found.language, found.language_confidence, found.mixed) == ("en", 0.75, False)


async def test_what_a_recogniser_gets_wrong_about_a_word_is_put_right():
    backwards, wild, shy = (
        RecognisedWord("so", 0.5, 0.4, 0.8),
        RecognisedWord("well", 0.6, 0.7, 1.5),
        RecognisedWord("no", 0.8, 0.9, -0.5),
    )
    found, _ = await decoded(backwards, RecognisedWord(" ", 0.55, 0.6, 0.8), wild, shy)
    assert [(word.start_ms, word.end_ms, word.confidence) for word in found.words] == [
        (1200, 1200, 0.8),
        (1300, 1400, 1.0),
        (1500, 1600, 0.0),
    ]


async def test_a_word_is_less_sure_where_its_middle_lies_in_a_mixture():
    """Middles at 1199, 1200, 1399 and 1400 ms."""
    middles = [(0.499, "so"), (0.5, "well"), (0.699, "then"), (0.7, "no")]
    words = [RecognisedWord(text, middle - 0.1, middle + 0.1, 0.8) for middle, text in middles]
    found, _ = await decoded(*words, mixed=[(1200, 1400)])
    assert [word.confidence for word in found.words] == [0.8, 0.4, 0.4, 0.8]
    assert found.mixed


@pytest.mark.parametrize(("confidence", "left"), [(0.09, 0), (0.1, 1)])
async def test_of_a_source_only_words_that_the_recogniser_believes_are_told(confidence: float, left: int):
    word = RecognisedWord("so", 0.5, 0.7, confidence)
    found, guarded = await decoded(word, source_id="s", doubtful=0.1)
    assert [one.source_id for one in found.words] == ["s"] * left
    assert guarded == ({} if left else {"doubtful": 1})
    assert len((await decoded(word, doubtful=0.1))[0].words) == 1, "those of the mixture stay, and are told as doubtful"


async def test_words_that_a_guard_takes_are_counted_under_its_name():
    loop = [RecognisedWord("the", 0.3 + at / 8, 0.4 + at / 8, 0.8) for at in range(9)]
    found, guarded = await decoded(*loop)
    assert len(found.words) == 1
    assert guarded == {"loop": 8}
    _, guarded = await decoded(RecognisedWord("so", 0.0, 0.1, 0.8), RecognisedWord("well", 1.4, 1.5, 0.8))
    assert guarded == {"outside": 2}


async def test_a_recogniser_is_busy_while_a_batch_of_pieces_waits():
    seen = []

    async def recognise(piece: Piece) -> Recognition:
        seen.append(recogniser.busy)
        if len(seen) == 2:
            raise ConnectionError
        return Recognition()

    recogniser = SharedRecogniser(recognise, "toy")
    piece = Piece(np.zeros(160, np.float32))
    assert not recogniser.busy
    await recogniser.recognise(piece)
    assert not recogniser.busy
    with pytest.raises(ConnectionError):
        await recogniser.recognise(piece)
    assert not recogniser.busy
    assert seen == [True, True]


async def test_with_batches_of_two_one_piece_does_not_make_the_next_one_wait():
    async def recognise(piece: Piece) -> Recognition:
        assert not recogniser.busy
        return Recognition()

    recogniser = SharedRecogniser(recognise, "toy", batch=2)
    await recogniser.recognise(Piece(np.zeros(160, np.float32)))
