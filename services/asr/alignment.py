"""Exact times for the words of Whisper, by forced alignment (WhisperX), where an alignment model is on this machine.

Whisper's own word times come from its attention and are some 100 to 200 ms off; wav2vec 2.0 alignment is closer
(Bain et al., "WhisperX", 2023). Nothing is downloaded: a language without a model here keeps Whisper's times.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speakerline.services.asr.engine import RATE, RecognisedWord
from speakerline.shared.arrays import Float32s
from speakerline.shared.failures import told
from speakerline.shared.logs import Log
from speakerline.shared.models.files import ModelMissing


def find_alignment(alignment: str) -> str:
    """As Aligner takes it. Raises ModelMissing for what is neither auto nor off nor a folder with a model."""
    if alignment in ("auto", "off"):
        return alignment
    if importlib.util.find_spec("whisperx") is None:
        raise ModelMissing(f"SPEAKERLINE_ASR_ALIGNMENT={alignment!r} needs whisperx: pip install speakerline[models]")
    folder = Path(alignment).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelMissing(
            f"{alignment!r} is no alignment model: SPEAKERLINE_ASR_ALIGNMENT is auto, off, or a folder with a wav2vec "
            "2.0 CTC model of Hugging Face (config.json and its weights)"
        )
    return str(folder)


class Aligner:
    """`alignment`: auto (the language's own model, where it is in the local cache), off, or a folder of a wav2vec 2.0
    CTC model of Hugging Face that is taken for every language."""

    def __init__(self, alignment: str, device: str) -> None:
        self._alignment, self._device = alignment, device
        self._models: dict[str, tuple[Any, Any] | None] = {}
        self._log = Log(model="alignment")

    def align(self, words: tuple[RecognisedWord, ...], samples: Float32s, language: str) -> tuple[RecognisedWord, ...]:
        """The same words; those that could be aligned have better times. `samples` (n,) at 16 kHz."""
        if not words or self._alignment == "off":
            return words
        if language not in self._models:
            self._models[language] = self._load(language)
        model = self._models[language]
        if model is None:
            return words
        from whisperx import alignment

        seconds = len(samples) / RATE
        segment = {"start": 0.0, "end": seconds, "text": " ".join(word.text for word in words)}
        try:
            found = alignment.align([segment], *model, samples, self._device)["word_segments"]
        except Exception as error:
            reason = told(error)
            self._log.warning("not aligned, Whisper's own word times stay", language=language, reason=reason)
            return words
        aligned = with_times(words, found)
        if aligned is None:
            self._log.warning("aligned other words, Whisper's own word times stay", language=language)
        return aligned or words

    def _load(self, language: str) -> tuple[Any, Any] | None:
        try:
            from whisperx import alignment
        except ImportError:
            alignment = None
        own = None if self._alignment == "auto" else self._alignment
        if alignment is None or (not (own and Path(own).is_dir()) and not _is_cached(language)):
            self._log.info("no alignment model here, Whisper's own word times stay", language=language)
            return None
        alignment.nltk_load = lambda path: _OneSentence()
        try:
            model, metadata = alignment.load_align_model(language, self._device, own, model_cache_only=True)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self._log.error(
                "alignment model not loaded, Whisper's own word times stay", language=language, reason=reason
            )
            return None
        return model, metadata


def _is_cached(language: str) -> bool:
    """Whether the language's alignment model is on this machine."""
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH

    if language in DEFAULT_ALIGN_MODELS_TORCH:
        import torch
        import torchaudio

        bundle = getattr(torchaudio.pipelines, DEFAULT_ALIGN_MODELS_TORCH[language])
        return (Path(torch.hub.get_dir()) / "checkpoints" / Path(bundle._path).name).is_file()
    if language in DEFAULT_ALIGN_MODELS_HF:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(DEFAULT_ALIGN_MODELS_HF[language], "config.json"), str)
    return False


class _OneSentence:
    """In place of NLTK's splitter, whose data would be downloaded: sentences are of no interest here."""

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


def with_times(words: Sequence[RecognisedWord], found: Sequence[dict[str, Any]]) -> tuple[RecognisedWord, ...] | None:
    """The words with the times that WhisperX found, which are those of single characters where the language has no
    spaces. What has no time keeps its own. None where it found other words."""
    timed, at = [], 0
    for word in words:
        first, text = at, ""
        while len(text) < len(word.text) and at < len(found):
            text += found[at]["word"]
            at += 1
        if text != word.text:
            return None
        times = [one for one in found[first:at] if "start" in one and "end" in one]
        if times:
            word = RecognisedWord(word.text, float(times[0]["start"]), float(times[-1]["end"]), word.confidence)
        timed.append(word)
    return tuple(timed) if at == len(found) else None
