"""Whisper through faster-whisper (CTranslate2): many languages, sizes tiny to large, on a processor or a GPU.

Weights are looked for in a folder or in the local Hugging Face cache, never on the network: a service that starts must
not wait for a download. `find_whisper` says how to get them.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from speakerline.services.asr.alignment import Aligner
from speakerline.services.asr.engine import RATE, Piece, RecognisedWord, Recognition
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.timeline.writing import blank_between

NEEDED = ("model.bin", "config.json", "tokenizer.json")
"""Without tokenizer.json faster-whisper would ask the network for one."""

LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
"""Tokens of languages; those of tasks are longer words."""

BATCH = 8
SLOT_S = 60
"""Pieces of a batch lie so far apart in the time line of a run that none is near another one's words."""

LONGEST_S = 29.0
"""Whisper takes 30 s at once; longer audio is decoded window by window."""

BEAM = 5


def find_whisper(model: str) -> Path:
    """The folder of a model: itself a folder, or a size or hub id in the local cache. Raises ModelMissing."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        from faster_whisper.utils import download_model

        try:
            folder = Path(download_model(model, local_files_only=True))
        except Exception as error:
            raise ModelMissing(_how_to_get(model)) from error
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ModelMissing(f"{folder} lacks {', '.join(missing)}: expected a Whisper model in CTranslate2's format")
    return folder


def _how_to_get(model: str) -> str:
    return (
        f"Whisper weights {model!r} are neither a folder nor in the local cache: on a machine with internet run "
        f"`python -c \"from faster_whisper import download_model; download_model({model!r}, 'whisper')\"`, copy the "
        "folder here, and set SPEAKERLINE_ASR_WHISPER to it; or run the same without 'whisper' on this machine"
    )


def whisper_name(model: str) -> str:
    """`whisper-small` for `small`, `Systran/faster-whisper-small` or a folder of that name."""
    return "whisper-" + Path(model).name.removeprefix("faster-").removeprefix("whisper-")


def languages_of(folder: Path) -> frozenset[str]:
    """The languages that a model in a folder knows, without loading it. An English-only one has tokens of languages
    too, but lacks the empty token. Raises ModelMissing."""
    listed = folder / "vocabulary.json"
    try:
        if listed.is_file():
            tokens = json.loads(listed.read_text("utf-8"))
        else:
            tokens = (folder / "vocabulary.txt").read_text("utf-8").split("\n")[:-1]
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{folder} is no Whisper model that can be used: its vocabulary: {error}") from error
    if "" not in tokens:
        return frozenset({"en"})
    return frozenset(found[1] for token in tokens if (found := LANGUAGE.fullmatch(token)))


class Whisper:
    """A model in a folder. `device`: auto, cpu or cuda; `precision`: a compute type of CTranslate2, or auto.

    `alignment`: see Aligner."""

    batch = BATCH
    doubtful = 0.1

    def __init__(self, folder: str, device: str = "auto", precision: str = "auto", alignment: str = "auto") -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        compute_type = "default" if precision == "auto" else precision
        self._model: Any = WhisperModel(folder, device=device, compute_type=compute_type, cpu_threads=_cores())
        self._pipeline: Any = BatchedInferencePipeline(self._model)
        self._aligner = Aligner(alignment, self._model.model.device)

    def recognise(self, pieces: Sequence[Piece]) -> list[Recognition]:
        """Pieces of one language run together."""
        languages = [self._language(piece) for piece in pieces]
        found: list[Recognition] = [Recognition()] * len(pieces)
        order = sorted(range(len(pieces)), key=lambda number: languages[number][0])
        for language, numbers in groupby(order, key=lambda number: languages[number][0]):
            together = list(numbers)
            for number, segments in zip(
                together, self._segments([pieces[number] for number in together], language), strict=True
            ):
                found[number] = self._recognition(pieces[number], segments, *languages[number])
        return found

    def _language(self, piece: Piece) -> tuple[str, float]:
        if piece.language:
            return piece.language, 1.0
        if not self._model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = self._model.detect_language(piece.samples)
        return str(language), float(probability)

    def _segments(self, pieces: Sequence[Piece], language: str) -> list[list[Any]]:
        """Whisper's segments of each piece; their times count from the piece's start."""
        short = [number for number, piece in enumerate(pieces) if piece.seconds <= LONGEST_S and len(piece.samples)]
        found: list[list[Any]] = [[] for _ in pieces]
        for number, piece in enumerate(pieces):
            if piece.seconds > LONGEST_S:
                found[number] = self._long(piece, language)
        for first in range(0, len(short), BATCH):
            together = short[first : first + BATCH]
            for number, segments in zip(
                together, self._batch([pieces[number].samples for number in together], language), strict=True
            ):
                found[number] = segments
        return found

    def _batch(self, sounds: Sequence[Float32s], language: str) -> list[list[Any]]:
        """One run: every sound in a slot of its own, behind an empty one, so that all begin after the same silence."""
        line: Float32s = np.zeros((len(sounds) + 1) * SLOT_S * RATE, np.float32)
        clips = []
        for number, samples in enumerate(sounds):
            start_s = (number + 1) * SLOT_S
            line[start_s * RATE : start_s * RATE + len(samples)] = samples
            clips.append({"start": float(start_s), "end": start_s + len(samples) / RATE})
        segments, _ = self._pipeline.transcribe(
            line,
            language=language,
            clip_timestamps=clips,
            vad_filter=False,
            batch_size=BATCH,
            beam_size=BEAM,
            temperature=0.0,
            word_timestamps=True,
            without_timestamps=True,
        )
        found: list[list[Any]] = [[] for _ in sounds]
        for segment in segments:
            number = round(segment.seek / self._model.frames_per_second) // SLOT_S - 1
            found[number].append(Segment(segment, (number + 1) * SLOT_S))
        return found

    def _long(self, piece: Piece, language: str) -> list[Any]:
        segments, _ = self._model.transcribe(
            piece.samples,
            language=language,
            beam_size=BEAM,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        return [Segment(segment, 0) for segment in segments]

    def _recognition(
        self, piece: Piece, segments: Sequence["Segment"], language: str, probability: float
    ) -> Recognition:
        words = tuple(word for segment in segments for word in segment.words)
        words = self._aligner.align(words, piece.samples, language)
        no_speech = float(np.mean([segment.no_speech for segment in segments])) if segments else 0.0
        return Recognition(tuple(_within(words, piece.seconds)), language, probability, no_speech)


def _cores() -> int:
    """More threads than cores wait for each other. OMP_NUM_THREADS says otherwise."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("OMP_NUM_THREADS", cores))


class Segment:
    """What is used of a segment of faster-whisper, with times from the start of its piece."""

    def __init__(self, segment: Any, offset_s: float) -> None:
        self.no_speech = float(segment.no_speech_prob)
        self.words: list[RecognisedWord] = []
        for piece in segment.words or ():
            if text := piece.word.strip():
                start_s, end_s = piece.start - offset_s, piece.end - offset_s
                self._take(RecognisedWord(text, start_s, end_s, float(piece.probability)), piece.word[0].isspace())

    def _take(self, piece: RecognisedWord, begins: bool) -> None:
        """Pieces are words only where a blank comes before: `twenty`, `-five` are one, and so are `$1`, `,000`."""
        before = self.words[-1] if self.words else None
        if before is None or begins or not blank_between(before.text, piece.text):
            self.words.append(piece)
            return
        confidence = min(before.confidence, piece.confidence)
        self.words[-1] = RecognisedWord(before.text + piece.text, before.start_s, piece.end_s, confidence)


def _within(words: Iterable[RecognisedWord], seconds: float) -> list[RecognisedWord]:
    """Whisper's times may lie beyond the sound: a word there was not found in it."""
    return [
        RecognisedWord(word.text, max(0.0, float(word.start_s)), min(seconds, float(word.end_s)), word.confidence)
        for word in words
        if word.start_s < seconds and word.end_s >= 0
    ]
