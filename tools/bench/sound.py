"""The sound of the calls that are played: the sample call of the pyannote.audio package as G.711, turned each time."""

from enum import Enum
from functools import cache

import numpy as np
import soxr

from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.audio.pcm import decode, encode, ms_to_samples, to_float32, to_int16
from speakerline.shared.contract.v1 import CallStarted, Encoding
from speakerline.tools.media.reading import open_recording
from speakerline.tools.sample_call import sample_call
from speakerline.tools.score.files import read_rttm

SAMPLE_RATE = 8000
NOISE = 0.0003
"""Of a line on which nobody speaks: -70 dBFS."""
TURN_S = 7.3
"""Call n starts n times this far into the sample, so that no two neighbours say the same at the same time."""


def announcement(call_id: str) -> CallStarted:
    """A mono telephone call: 8 kHz mu-law."""
    return CallStarted(call_id=call_id, sample_rate=SAMPLE_RATE, encoding=Encoding.MULAW, channels=1)


class Kind(Enum):
    """What is in a call: the sample as it is, one of its people where nobody else speaks, or nobody at all."""

    SAMPLE = "the sample call"
    ALONE = "one person"
    SILENCE = "silence"


class CallSound:
    """Endless sound of one call: the sample again and again, from a place of its own."""

    def __init__(self, number: int, frame_ms: int, kind: Kind = Kind.SAMPLE) -> None:
        self._sample = _sample(kind)
        self._at = int(number * TURN_S * SAMPLE_RATE) % len(self._sample)
        self._size = frame_ms * SAMPLE_RATE // 1000

    def frame(self) -> bytes:
        """The next frame."""
        piece = self._sample[self._at : self._at + self._size]
        self._at += self._size
        while len(piece) < self._size:
            self._at = self._size - len(piece)
            piece += self._sample[: self._at]
        return piece


def telephone_sound() -> Float32s:
    """(n,), the sample call as it comes out of a telephone line."""
    return to_float32(decode(_sample(Kind.SAMPLE), Encoding.MULAW))


@cache
def _sample(kind: Kind) -> bytes:
    recording = open_recording(sample_call())
    sound = recording.read()[0]
    narrow = np.asarray(soxr.resample(sound, recording.sample_rate, SAMPLE_RATE), np.float32)
    if kind is not Kind.SAMPLE:
        noise = NOISE * np.random.default_rng(0).standard_normal(len(narrow)).astype(np.float32)
        alone = kind is Kind.ALONE and _alone(len(narrow))
        narrow = np.where(alone, narrow, noise)
    return encode(to_int16(np.clip(narrow, -1, 1)), Encoding.MULAW)


def _alone(samples: int) -> Bools:
    """Where the one speaks who is most often alone, and nobody else, by the reference of the call."""
    (labels,) = read_rttm(sample_call().with_suffix(".rttm")).values()
    speaks = np.zeros((len(labels), samples), bool)
    for mine, spans in zip(speaks, labels.values(), strict=True):
        for start_ms, end_ms in spans:
            mine[ms_to_samples(start_ms, SAMPLE_RATE) : ms_to_samples(end_ms, SAMPLE_RATE)] = True
    alone = speaks & (speaks.sum(0) == 1)
    longest: Bools = alone[int(alone.sum(1).argmax())]
    return longest
