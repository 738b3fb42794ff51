"""A recogniser that can be checked: sound is a row of steps, every step is one word, its height says which.

0.010 ____        0.012 ____              words 10 and 12
         |____________|    |_____
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from speakerline.services.asr.decoding import SharedRecogniser
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.services.asr.stage import AsrCall, AsrOptions, AsrStage
from speakerline.shared.arrays import Float32s
from speakerline.shared.contract.v1 import CallStarted, Encoding, Transcript
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioReader, Event

STEP = 1 / 1024
"""Height between one word and the next; exact in 16 bits."""

SHORTEST_S = 0.03
BROKEN = 777
"""A word that makes the recogniser fail."""

CALL = CallStarted("c", RATE, Encoding.S16LE, 1, language="en")
FINALS, LIVE = AsrOptions(interims=False), AsrOptions()


def steps(words: Mapping[int, tuple[int, int]], seconds: float) -> Float32s:
    """Sound at 16 kHz: word number -> start and end in ms."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    for number, (start_ms, end_ms) in words.items():
        samples[start_ms * 16 : end_ms * 16] = number * STEP
    return samples


def sentence(
    start_ms: int, end_ms: int, first: int, every_ms: int = 250, word_ms: int = 200
) -> dict[int, tuple[int, int]]:
    """Words one after the other, numbered from `first`."""
    starts = range(start_ms, end_ms - word_ms + 1, every_ms)
    return {first + number: (start, start + word_ms) for number, start in enumerate(starts)}


def text(number: int) -> str:
    """Of a word: numbers themselves are so alike that they look like a loop."""
    return f"{hashlib.blake2b(b'%d' % number, digest_size=3).hexdigest()}.{number}"


def number(text: str) -> int:
    return int(text.split(".")[1])


def recognise(pieces: Sequence[Piece]) -> list[Recognition]:
    """Raises ModelFailed for a piece with the broken word."""
    return [_heard(piece) for piece in pieces]


def _heard(piece: Piece) -> Recognition:
    levels = np.rint(piece.samples / STEP).astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], levels, [0]])))
    words = [
        RecognisedWord(text(levels[start]), start / RATE, end / RATE, 0.9)
        for start, end in pairwise(edges)
        if levels[start] > 0 and end - start >= SHORTEST_S * RATE
    ]
    if any(number(word.text) == BROKEN for word in words):
        raise ModelFailed("toy: no answer for 1 s", "hung")
    return Recognition(tuple(words), piece.language or "en")


@dataclass(slots=True)
class Sound:
    """All sound of a call, and of its sources."""

    channels: Sequence[Float32s]
    sources: dict[str, Float32s] = field(default_factory=dict)

    async def read(self, channel: int, start_sample: int, end_sample: int) -> Float32s:
        found = self.channels[channel][start_sample:end_sample]
        return np.concatenate([found, np.zeros(end_sample - start_sample - len(found), np.float32)])

    async def read_source(self, source_id: str) -> Float32s | None:
        return self.sources.get(source_id)


@dataclass(slots=True)
class ToyAsr:
    """A stage around the toy; `sound`, if given, is heard instead of what the runtime reads."""

    options: AsrOptions = field(default_factory=lambda: AsrOptions(interims=False))
    sound: Sound | None = None
    languages: frozenset[str] | None = None
    doubtful: float = 0.0
    guarded: dict[str, int] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    at_once: int = 0
    """The most pieces that were asked for at the same time."""
    _asked: int = 0

    async def _recognise(self, piece: Piece) -> Recognition:
        self.pieces.append(piece)
        self._asked += 1
        self.at_once = max(self.at_once, self._asked)
        await asyncio.sleep(0)
        self._asked -= 1
        return recognise([piece])[0]

    def _count(self, guard: str, words: int) -> None:
        self.guarded[guard] = self.guarded.get(guard, 0) + words

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> AsrCall:
        recogniser = SharedRecogniser(self._recognise, "toy", self.languages, 4, self._count, self.doubtful)
        return AsrStage(recogniser, self.options).open(call, parts, self.sound or audio)


def mixture() -> dict[int, tuple[int, int]]:
    """Talk without a pause from 0.5 s to 40 s, numbered from 100."""
    return sentence(500, 40_000, 100)


async def heard(events: Sequence[Event], toy: ToyAsr, call: Any = CALL) -> list[Event]:
    """All events, given at once."""
    return (await toy.open(call, {}, Sound([])).push(list(events), FOREVER)).events


def words(events: Sequence[Event]) -> list[int]:
    return [number(word.text) for event in events if isinstance(event.body, Transcript) for word in event.body.words]
