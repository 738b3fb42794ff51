"""From what the recogniser says to words in the call's own time."""

import numpy as np
import pytest

from speakerline.services.asr.decoding import Decoder, Said, SharedRecogniser
from speakerline.services.asr.engine import Piece, RecognisedWord, Recognition
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.windows import Window
from tests.asr.toy import Sound


async def decoded(*words: RecognisedWord, no_speech: float = 0.0) -> tuple[list[Guess], dict[str, int]]:
    """Of a window from 1000 to 2000 ms, whose sound begins at 700 ms; and what the guards took."""
    guarded: dict[str, int] = {}

    async def recognise(piece: Piece) -> Recognition:
        assert len(piece.samples) == 1600 * 16
        return Recognition(words, "en", no_speech)

    recogniser = SharedRecogniser(recognise, "toy", guarded=guarded.__setitem__)
    decoder = Decoder(recogniser, Sound([np.full(5000 * 16, 0.1, np.float32)]), 16_000)
    found, language = await decoder.window(Window("W1", 0, 1000, 2000, 700, 2300, ((1000, 2000),)), Said())
    assert language == "en"
    return found, guarded


async def test_words_have_the_times_of_the_call() -> None:
    ((word,), _) = await decoded(RecognisedWord(" so ", 0.5, 0.7004, 0.8))
    assert word == Guess("so", 1200, 1400, 0.8)


async def test_what_a_recogniser_gets_wrong_about_a_word_is_put_right() -> None:
    backwards, wild, shy = (
        RecognisedWord("so", 0.5, 0.4, 0.8),
        RecognisedWord("well", 0.6, 0.7, 1.5),
        RecognisedWord("no", 0.8, 0.9, -0.5),
    )
    found, _ = await decoded(backwards, RecognisedWord(" ", 0.55, 0.6, 0.8), wild, shy)
    assert [(word.start_ms, word.end_ms, word.confidence) for word in found] == [
        (1200, 1200, 0.8),
        (1300, 1400, 1.0),
        (1500, 1600, 0.0),
    ]


async def test_words_that_a_guard_takes_are_counted_under_its_name() -> None:
    loop = [RecognisedWord("the", 0.3 + at / 8, 0.4 + at / 8, 0.8) for at in range(9)]
    found, guarded = await decoded(*loop)
    assert len(found) == 1
    assert guarded == {"loop": 8}


def test_of_what_was_said_only_the_end_is_kept_and_silence_has_no_language() -> None:
    said = Said()
    said.add([Guess(str(at), at, at + 1, 0.9) for at in range(200)], "de")
    said.add([], "fr")
    assert (said.words[0].text, len(said.words), said.language) == ("50", 150, "de")


async def test_a_recogniser_is_busy_while_a_piece_that_counts_is_asked_for_and_after_that_it_is_not() -> None:
    seen = []

    async def recognise(piece: Piece) -> Recognition:
        seen.append(recogniser.busy)
        if len(seen) == 2:
            raise ConnectionError
        return Recognition()

    recogniser = SharedRecogniser(recognise, "toy", batch=8)
    piece = Piece(np.zeros(160, np.float32))
    assert not recogniser.busy
    await recogniser.recognise(piece)
    assert not recogniser.busy
    with pytest.raises(ConnectionError):
        await recogniser.recognise(piece)
    assert not recogniser.busy
    assert seen == [True, True]


@pytest.mark.parametrize(("batch", "busy"), [(1, [True, True]), (2, [False, True])])
async def test_with_batches_of_two_one_fast_piece_does_not_make_the_next_one_wait(batch: int, busy: list[bool]) -> None:
    seen = []
    piece = Piece(np.zeros(160, np.float32), fast=True)

    async def recognise(piece: Piece) -> Recognition:
        seen.append(recogniser.busy)
        if len(seen) == 1:
            await recogniser.recognise(piece)
        return Recognition()

    recogniser = SharedRecogniser(recognise, "toy", batch=batch)
    await recogniser.recognise(piece)
    assert seen == busy
    assert not recogniser.busy
