"""Like the toys' worker, with the real asr stage around a recogniser whose words are hashes of the sound."""

import hashlib
from collections.abc import Sequence

import numpy as np

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stage import AsrOptions, AsrStage
from speakerline.shared.pipeline import ASR
from speakerline.shared.runtime.batcher import Batcher
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.stage import Stage
from tests.runtime.toy_stages import STAGES
from tests.runtime.toy_worker import main

WORD_S = 0.2


def recognise(pieces: Sequence[Piece]) -> list[Recognition]:
    return [_heard(piece) for piece in pieces]


def _heard(piece: Piece) -> Recognition:
    size = int(WORD_S * RATE)
    levels = np.round(piece.samples * 1000).astype(np.int16)
    words = [
        RecognisedWord(
            hashlib.blake2b(levels[at : at + size].tobytes(), digest_size=4).hexdigest(),
            at / RATE,
            (at + size) / RATE,
            0.9,
        )
        for at in range(0, len(levels) - size + 1, size)
    ]
    return Recognition(tuple(words), "en")


def stages(interims: bool = True) -> dict[str, Stage]:
    recogniser = SharedRecogniser(Batcher(recognise, 4), "toy", batch=4)
    return {**STAGES, ASR.name: AsrStage(recogniser, AsrOptions("en", interims))}


def build(name: str, metrics: Metrics) -> Stage:
    return stages()[name]


if __name__ == "__main__":
    main(build)
