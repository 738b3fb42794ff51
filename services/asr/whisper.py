"""Whisper through faster-whisper and CTranslate2: many languages, sizes tiny to large, on a processor or a GPU.

    samples ──> mel ──encoder──> language? ──decoder──> tokens ──alignment──> words with times
                                     └──poor? again, without the words before, then without timestamps

Unlike faster-whisper's own loop, an answer is a function of the piece alone: nothing is sampled, so a poor answer is
replaced by other searches instead of other temperatures.
"""

import math
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

import numpy as np

from speakerline.services.asr.alignment import Aligner
from speakerline.services.asr.engine import LONGEST_S, Piece, RecognisedWord, Recognition
from speakerline.services.asr.mel import FRAMES_PER_S, Mel
from speakerline.shared.arrays import Float32s
from speakerline.shared.runtime.cores import usable_cores
from speakerline.shared.timeline.writing import blank_between

SILENCE_S, FAST_STEP_S = 2.0, 4.0
"""How much silence the model sees behind the sound of a fast piece, at least: without the rest of its 30 s it takes a
third. In such steps, so that pieces run together."""

BATCH, FAST_BATCH = 8, 4
"""On a GPU, and fast pieces on a processor: each token is a pass over all weights, for one piece as for four. Other
pieces go one at a time there: five beams are a batch already, and the words are the same whatever else runs."""

MOST_THREADS = 4
"""Small matrices are not worth more."""

BEAM, NARROW_BEAM, FAST_BEAM = 5, 2, 1
PROMPT_TOKENS, FAST_PROMPT_TOKENS = 48, 16
"""Of a fast piece so many or none: only prompts of one length run together."""
TOKENS_PER_S, FAST_TOKENS_PER_S = 12, 8
"""More than anybody speaks: an answer that is longer goes round in circles. A fast one is cut off sooner."""

POOR_LOGPROB, COMPRESSION = -1.0, 2.4
"""Mean logarithm of a token's probability; how many times shorter zlib makes the text. Both are those of OpenAI's
reference decoder (whisper/transcribe.py)."""

COPIED = 8
"""So many tokens in a row that the prompt has, too, may be copied from it. Whisper does that at times instead of
hearing the piece."""

SPARSE_PER_S, SPARSE_FROM_S = 2, 5
"""With fewer tokens a second, in so many seconds, something may be missing: behind a prompt Whisper skips sentences at
times, which it finds without one."""

LATE_S = 0.09
"""By how much the times of words from the attention are late, on average."""

SHORTEST_S, SHORTEST_WORD_S = 0.1, 0.06
"""Less sound holds no word; every word has a length."""

SURE_OF_LANGUAGE = 0.5

PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the next or to the previous word."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Tokens of text, the mean logarithm of their probability, how compressible the text is, whether nobody speaks, and
    how many tokens in a row its prompt has, too."""

    tokens: list[int]
    logprob: float
    compression: float
    no_speech: float
    copied: int

    @property
    def goes_round(self) -> bool:
        """Whether it is one text over and over, or that of the words before."""
        return self.compression > COMPRESSION or self.copied >= COPIED

    @property
    def is_poor(self) -> bool:
        return self.logprob < POOR_LOGPROB or self.goes_round

    @property
    def worth(self) -> tuple[bool, float]:
        return not self.goes_round, self.logprob


class Whisper:
    """A model in a folder. `device`: auto, cpu or cuda; `precision`: a compute type of CTranslate2, or auto.

    `alignment`: see Aligner."""

    doubtful = 0.5

    def __init__(self, folder: str, device: str = "auto", precision: str = "auto", alignment: str = "auto") -> None:
        from faster_whisper import WhisperModel
        from faster_whisper.transcribe import get_suppressed_tokens

        device = device_for(device)
        self._model: Any = WhisperModel(
            folder,
            device=device,
            compute_type=precision_for(device, precision),
            cpu_threads=threads_for(usable_cores()),
        )
        self._spectrogram = Mel(self._model.feature_extractor)
        self._suppressed = get_suppressed_tokens
        self._whole = device == "cuda"
        self._aligner = Aligner(alignment, device)

    def recognise(self, pieces: Sequence[Piece]) -> list[Recognition]:
        """Pieces that are searched in the same way run together."""
        found: list[Recognition] = [Recognition()] * len(pieces)
        for numbers in self.groups(pieces):
            for number, answer in zip(numbers, self._run([pieces[number] for number in numbers]), strict=True):
                found[number] = answer
        return found

    def search(self, piece: Piece, tokens: int) -> None:
        """The work for a piece in which so many tokens are said, whatever is in it."""
        tokenizer = self._tokenizer(piece.language)
        prompt = self._prompt(piece, tokenizer)
        self._model.model.generate(
            self._model.encode(self._mel(piece)[None]),
            [prompt],
            beam_size=FAST_BEAM if piece.fast else BEAM,
            max_length=len(prompt) + tokens,
            suppress_tokens=[tokenizer.eot],
        )

    def groups(self, pieces: Sequence[Piece]) -> Iterator[list[int]]:
        """The numbers of the pieces that run together; those that hold no word are left out."""

        def kind(number: int) -> tuple[Any, ...]:
            piece = pieces[number]
            alone = number if not piece.language and self._model.model.is_multilingual else -1
            before = len(self._before(piece, self._tokenizer(piece.language or "en")))
            return self._frames(piece), alone, piece.language, before, piece.fast, piece.narrow

        filled = (number for number, piece in enumerate(pieces) if piece.seconds >= SHORTEST_S)
        for _, together in groupby(sorted(filled, key=kind), key=kind):
            yield list(together)

    def _run(self, pieces: Sequence[Piece]) -> list[Recognition]:
        encoded = self._model.encode(np.stack([self._mel(piece) for piece in pieces]))
        language = self._language(pieces[0], encoded)
        tokenizer = self._tokenizer(language)
        answers = self._generate(encoded, pieces, tokenizer, [self._prompt(piece, tokenizer) for piece in pieces])
        answers = [self._better(piece, answer, tokenizer) for piece, answer in zip(pieces, answers, strict=True)]
        frames = [min(round(piece.seconds * FRAMES_PER_S), self._frames(piece)) for piece in pieces]
        found = self._model.find_alignment(tokenizer, [answer.tokens for answer in answers], encoded, frames)
        return [
            Recognition(self._words(piece, timed, language), language, answer.no_speech)
            for piece, answer, timed in zip(pieces, answers, found, strict=True)
        ]

    def _frames(self, piece: Piece) -> int:
        """Even, because the encoder halves them. Final words are sought in all of the 30 s that Whisper learnt with."""
        if not piece.fast or self._whole:
            return round(LONGEST_S * FRAMES_PER_S)
        steps = math.ceil((piece.seconds + SILENCE_S) / FAST_STEP_S)
        return round(min(LONGEST_S, steps * FAST_STEP_S) * FRAMES_PER_S)

    def _mel(self, piece: Piece) -> Float32s:
        return self._spectrogram(piece.samples, self._frames(piece))

    def _language(self, piece: Piece, encoded: Any) -> str:
        if not self._model.model.is_multilingual:
            return "en"
        if piece.language:
            return piece.language
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return piece.usual if piece.usual and probability < SURE_OF_LANGUAGE else str(token)[2:-2]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        many = self._model.model.is_multilingual
        return Tokenizer(self._model.hf_tokenizer, many, task="transcribe", language=language)

    def _prompt(self, piece: Piece, tokenizer: Any, before: bool = True, timestamps: bool = True) -> list[int]:
        tokens = self._before(piece, tokenizer) if before else []
        prompt = self._model.get_prompt(tokenizer, tokens, without_timestamps=piece.fast or not timestamps)
        return [*prompt, *self._known(piece, tokenizer)]

    def _before(self, piece: Piece, tokenizer: Any) -> list[int]:
        tokens: list[int] = tokenizer.encode(" " + piece.prompt.strip()) if piece.prompt else []
        if piece.fast:
            return tokens[-FAST_PROMPT_TOKENS:] if len(tokens) >= FAST_PROMPT_TOKENS else []
        return tokens[-PROMPT_TOKENS:]

    def _known(self, piece: Piece, tokenizer: Any) -> list[int]:
        """The tokens of the words that it begins with. A full stop at their end would end the answer."""
        known = piece.begins.rstrip(APPENDED)
        return list(tokenizer.encode(" " + known)) if known else []

    def _better(self, piece: Piece, answer: _Answer, tokenizer: Any) -> _Answer:
        """A poor answer is sought again in other ways; the best of all counts."""
        skips = piece.seconds >= SPARSE_FROM_S and len(answer.tokens) < SPARSE_PER_S * piece.seconds
        if piece.fast or not (answer.is_poor or (piece.prompt and skips)):
            return answer
        encoded = self._model.encode(self._mel(piece)[None])
        answers = [answer]
        for timestamps in (True, False):
            prompt = self._prompt(piece, tokenizer, before=False, timestamps=timestamps)
            answers += self._generate(encoded, [piece], tokenizer, [prompt])
            if not answers[-1].is_poor:
                break
        return max(answers, key=lambda one: one.worth)

    def _generate(
        self, encoded: Any, pieces: Sequence[Piece], tokenizer: Any, prompts: Sequence[list[int]]
    ) -> list[_Answer]:
        beam = FAST_BEAM if pieces[0].fast else NARROW_BEAM if pieces[0].narrow else BEAM
        rate, least = (FAST_TOKENS_PER_S, 8) if pieces[0].fast else (TOKENS_PER_S, 16)
        longest = round(max(piece.seconds for piece in pieces) * rate) + least
        results = self._model.model.generate(
            encoded,
            list(prompts),
            beam_size=beam,
            max_length=min(self._model.max_length, len(prompts[0]) + longest),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed(tokenizer, [-1]),
            max_initial_timestamp_index=50,
        )
        return [_answer(result, tokenizer, prompt) for result, prompt in zip(results, prompts, strict=True)]

    def _words(self, piece: Piece, timed: Sequence[dict[str, Any]], language: str) -> tuple[RecognisedWord, ...]:
        words = tuple(whole_words(timed))
        aligned = words if piece.fast else self._aligner.align(words, piece.samples, language)
        if aligned is words:
            aligned = tuple(on_time(word) for word in words)
        return tuple(within(aligned, piece.seconds))


def device_for(device: str) -> str:
    """cpu or cuda for auto: cuda where there is one."""
    if device != "auto":
        return device
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def precision_for(device: str, precision: str) -> str:
    """What is fast there, for auto."""
    if precision != "auto":
        return precision
    return "float16" if device == "cuda" else "int8"


def threads_for(cores: float) -> int:
    """One core is left to labels, because threads spin while they wait. OMP_NUM_THREADS says otherwise."""
    return int(os.environ.get("OMP_NUM_THREADS", max(1, min(MOST_THREADS, int(cores) - 1))))


def _answer(result: Any, tokenizer: Any, prompt: Sequence[int]) -> _Answer:
    tokens = result.sequences_ids[0]
    text = [token for token in tokens if token < tokenizer.eot]
    said = tokenizer.decode(text).encode()
    logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    compression = len(said) / len(zlib.compress(said))
    return _Answer(text, logprob, compression, float(result.no_speech_prob), longest_shared(prompt, text))


def longest_shared(tokens: Sequence[int], others: Sequence[int]) -> int:
    """The length of the longest run that stands in both."""
    return SequenceMatcher(None, tokens, others, autojunk=False).find_longest_match().size


def whole_words(timed: Iterable[dict[str, Any]]) -> Iterator[RecognisedWord]:
    """Whole words. Pieces are words only where a blank comes before: `twenty`, `-five` are one, and so are `$1`,
    `,000`."""
    from faster_whisper.transcribe import merge_punctuations

    pieces = list(timed)
    merge_punctuations(pieces, PREPENDED, APPENDED)
    word: RecognisedWord | None = None
    for piece in pieces:
        text = piece["word"].strip()
        if not text:
            continue
        found = RecognisedWord(text, float(piece["start"]), float(piece["end"]), float(piece["probability"]))
        if word is None or piece["word"][0].isspace() or not blank_between(word.text, text):
            if word is not None:
                yield word
            word = found
        else:
            confidence = min(word.confidence, found.confidence)
            word = RecognisedWord(word.text + text, word.start_s, found.end_s, confidence)
    if word is not None:
        yield word


def on_time(word: RecognisedWord) -> RecognisedWord:
    """Where it was said."""
    return RecognisedWord(word.text, max(0.0, word.start_s - LATE_S), max(0.0, word.end_s - LATE_S), word.confidence)


def within(words: Iterable[RecognisedWord], seconds: float) -> Iterator[RecognisedWord]:
    """Whisper's times may lie beyond the sound: a word there was not found in it. Every word has a length."""
    for word in words:
        if word.start_s < seconds:
            start_s = max(0.0, min(word.start_s, seconds - SHORTEST_WORD_S))
            end_s = min(seconds, max(word.end_s, start_s + SHORTEST_WORD_S))
            yield RecognisedWord(word.text, start_s, end_s, word.confidence)
