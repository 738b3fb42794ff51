"""Asr with a recogniser that costs nothing and hears everything: its words are hashes of the sound, to the last bit."""

import hashlib

import numpy as np

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stage import AsrStage
from speakerline.shared.front_end.stage import FrontEndStage
from speakerline.shared.runtime.metrics import StageMetrics
from speakerline.shared.runtime.stage import Stage

WORD_S = 0.25
LOUD = 0.003
"""Root mean square of a word."""


def hashing_asr(metrics: StageMetrics) -> Stage:
    """The product's stage; nothing but the model is replaced."""
    return FrontEndStage(AsrStage(SharedRecogniser(_recognise, "hashes", guarded=metrics.guarded)))


async def _recognise(piece: Piece) -> Recognition:
    size = round(WORD_S * RATE)
    blocks = [piece.samples[at : at + size] for at in range(0, len(piece.samples) - size, size)]
    words = [
        RecognisedWord(hashlib.blake2b(block.tobytes(), digest_size=4).hexdigest(), at * WORD_S, (at + 1) * WORD_S, 0.9)
        for at, block in enumerate(blocks)
        if np.sqrt(np.mean(block**2)) > LOUD
    ]
    return Recognition(tuple(words), "en", 0.9)
