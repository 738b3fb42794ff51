"""pocketsphinx: English, on any processor, with the model that lies in its package.

The acoustic model was trained on sound up to 6.8 kHz, so that telephone sound costs many words: docs/asr.md has the
figures. What was tried against it and did not help: `-upperf 4000` (the model's own value wins, and must: its features
are made with it), other noise removal, and a made-up upper band.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.pcm import to_int16
from speakerline.shared.models.files import packaged_file

FRAME_S = 0.01
"""Length of a frame of the acoustic model: its `-frate` is 100."""

MIN_SAMPLES = RATE // 10
"""Less sound has no frame that could be decoded."""

MODEL = "model/en-us/en-us/mdef"


class Sphinx:
    """One decoder. The estimate of noise begins anew with every piece, or others would change its words."""

    name = "pocketsphinx-en-us"
    batch = 1
    languages: frozenset[str] | None = frozenset({"en"})
    doubtful = 0.1

    def __init__(self) -> None:
        packaged_file("pocketsphinx", MODEL)
        from pocketsphinx import Decoder

        self._decoder: Any = Decoder(samprate=RATE, loglevel="FATAL")

    def recognise(self, pieces: Sequence[Piece]) -> list[Recognition]:
        return [Recognition(tuple(self._words(piece.samples)), "en") for piece in pieces]

    def _words(self, samples: Float32s) -> Iterator[RecognisedWord]:
        """Words of the best path; their confidence is the posterior in the word lattice."""
        if len(samples) < MIN_SAMPLES:
            return
        pcm = to_int16(np.clip(samples, -1, 1)).astype("<i2").tobytes()
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return
        for segment in self._decoder.seg():
            text = segment.word.split("(")[0]
            if text and text[0] not in "<[+":
                start_s, end_s = segment.start_frame * FRAME_S, (segment.end_frame + 1) * FRAME_S
                yield RecognisedWord(text, start_s, end_s, float(np.clip(segment.prob, 0, 1)))
