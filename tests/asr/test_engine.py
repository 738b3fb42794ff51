"""What a recogniser is given and gives back, where nothing else is said."""

import numpy as np

from speakerline.services.asr.engine import LONGEST_S, Piece, Recognition


def test_a_piece_lasts_a_second_for_every_sixteen_thousand_samples_and_takes_its_time() -> None:
    piece = Piece(np.zeros(24_000, np.float32))
    assert (piece.seconds, piece.fast, piece.narrow) == (1.5, False, False)


def test_a_recogniser_that_tells_no_probability_takes_it_that_somebody_speaks() -> None:
    assert Recognition() == Recognition((), "", 0.0)


def test_whisper_sees_thirty_seconds_at_once() -> None:
    assert LONGEST_S == 30
