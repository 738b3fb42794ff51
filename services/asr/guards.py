"""Drops words that a recogniser hallucinated; pure.

Neural recognisers write fluent text where nobody speaks: phrases of subtitles in silence, the same words over and over.
The thresholds of compression and of no speech are those of OpenAI's reference decoder (whisper/transcribe.py, 2.4 and
0.6). The phrases are those that users of Whisper report most for silence.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from speakerline.services.asr.engine import RATE, RecognisedWord, Recognition
from speakerline.shared.arrays import Float32s
from speakerline.shared.timeline.writing import is_unspaced, written

NO_SPEECH = 0.6
UNSURE = 0.4
"""No speech is believed only where the words' mean confidence is below this."""

COMPRESSION = 2.4
MIN_COMPRESSED = 60
"""Characters: shorter texts compress by chance."""

REPEATS = {1: 5, 2: 4, 3: 3, 4: 3, 5: 3, 6: 3}
"""Words in a loop -> how often it comes, one after the other, until it is a loop. People do say "no no no"."""

DIGITS = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh"])
DIGITS_IN_A_ROW = 8
"""Numbers are read out digit by digit, and some repeat a digit: so many in a row are no loop."""

MAX_WORDS_PER_S = 10.0
SPEED_WORDS = 4
"""The speed is measured over so many words. Times of words are not exact, so only words of low confidence are dropped:
what is squeezed into no time is invented, while words that are right come in bursts of wrong times."""

NEAR_SILENCE_DBFS = -55.0
PHANTOMS = frozenset(
    {
        "thank you",
        "thank you very much",
        "thank you for watching",
        "thanks for watching",
        "thank you so much for watching",
        "please subscribe",
        "please like and subscribe",
        "subtitles by the amara org community",
        "you",
        "bye",
        "bye bye",
        "so",
        "okay",
        "untertitel der amara org community",
        "untertitel von stephanie geiges",
        "vielen dank",
        "sous titres realises para la communaute d amara org",
    }
)
"""Without punctuation, in small letters."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """The words that are left, and how many each guard dropped."""

    words: tuple[RecognisedWord, ...]
    dropped: Counter[str] = field(default_factory=Counter)


def guard(recognition: Recognition, samples: Float32s) -> Guarded:
    """`samples` (n,) at 16 kHz: the piece that was recognised. The guards' names: punctuation, no_speech, phantom,
    loop, speed."""
    dropped = Counter[str]()
    words = tuple(word for word in recognition.words if _plain([word]))
    if len(words) < len(recognition.words):
        dropped["punctuation"] = len(recognition.words) - len(words)
    if words and recognition.no_speech > NO_SPEECH and np.mean([word.confidence for word in words]) < UNSURE:
        return Guarded((), dropped + Counter(no_speech=len(words)))
    nobody = recognition.no_speech > NO_SPEECH or loudness_dbfs(samples) < NEAR_SILENCE_DBFS
    if words and nobody and _plain(words) in PHANTOMS:
        return Guarded((), dropped + Counter(phantom=len(words)))
    for name, rule in (("loop", _without_loops), ("speed", _without_haste)):
        kept = rule(words)
        if len(kept) < len(words):
            dropped[name] += len(words) - len(kept)
            words = kept
    if compression(words) > COMPRESSION:
        return Guarded((), dropped + Counter(loop=len(words)))
    return Guarded(words, dropped)


def loudness_dbfs(samples: Float32s) -> float:
    """Of the loudest 100 ms; a click alone is not speech, but neither is it silence."""
    usable = len(samples) // (RATE // 10) * (RATE // 10)
    if not usable:
        return -120.0
    power = np.square(samples[:usable], dtype=np.float64).reshape(-1, RATE // 10).mean(axis=1).max()
    return float(10 * np.log10(power + 1e-12))


def compression(words: Sequence[RecognisedWord]) -> float:
    """How many times shorter zlib makes the text; 0 for a short text.

    Digits are left out: a number that is read out digit by digit repeats itself legitimately. Each
    character counts as a byte: in UTF-8, scripts of two or three bytes a character compress more than twice as well."""
    text = written(word.text for word in words if not _is_digits(_plain([word])))
    numbers = {character: number for number, character in enumerate(dict.fromkeys(text))}
    coded = bytes(numbers[character] % 256 for character in text)
    return len(coded) / len(zlib.compress(coded)) if len(coded) >= MIN_COMPRESSED else 0.0


def _plain(words: Sequence[RecognisedWord]) -> str:
    return " ".join(re.findall(r"[^\W_]+", " ".join(word.text for word in words).lower()))


def _without_loops(words: tuple[RecognisedWord, ...]) -> tuple[RecognisedWord, ...]:
    """Of a loop its first round stays."""
    plain = [_plain([word]) for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        size, rounds = _loop_at(plain, at)
        kept += range(at, at + size)
        at += size * rounds
    return tuple(words[number] for number in kept)


def _loop_at(plain: Sequence[str], at: int) -> tuple[int, int]:
    """Words and rounds of the loop that begins there; (1, 1) where none does."""
    for size, limit in REPEATS.items():
        unit, rounds = plain[at : at + size], 1
        while len(unit) == size and plain[at + rounds * size : at + (rounds + 1) * size] == unit:
            rounds += 1
        if rounds >= limit and any(unit) and not _is_number(plain[at : at + rounds * size]):
            return size, rounds
    return 1, 1


def _is_number(plain: Sequence[str]) -> bool:
    """Whether it may be a number, read out digit by digit."""
    return len(plain) <= DIGITS_IN_A_ROW and all(_is_digits(word) for word in plain)


def _is_digits(plain: str) -> bool:
    """One as a word, or any number of them as numerals."""
    return plain in DIGITS or plain.isdecimal()


def _without_haste(words: tuple[RecognisedWord, ...]) -> tuple[RecognisedWord, ...]:
    """Without unsure words that come faster than anybody speaks. Where a script has no blanks, words are characters."""
    hasty = set[int]()
    for at in range(len(words) - SPEED_WORDS + 1):
        group = words[at : at + SPEED_WORDS]
        if any(is_unspaced(word.text) for word in group):
            continue
        if group[-1].end_s - group[0].start_s < SPEED_WORDS / MAX_WORDS_PER_S:
            hasty.update(range(at, at + SPEED_WORDS))
    return tuple(word for at, word in enumerate(words) if at not in hasty or word.confidence >= UNSURE)
