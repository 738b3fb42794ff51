"""In place of a model of faster-whisper: writes down what is asked of it, and answers as it was told. No weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from faster_whisper import WhisperModel

from tests.asr.tiny_whisper import make_tokenizer

TOKENIZER = make_tokenizer()
"""A byte a token."""
TIMESTAMP = TOKENIZER.token_to_id("<|0.00|>")
HOP = 160


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for: the sound of each piece in frames of 10 ms, the prompts as text, and how to search."""

    frames: list[list[float]]
    prompts: list[str]
    lengths: list[int]
    options: dict[str, Any]


@dataclass(slots=True)
class Scripted:
    """answers: (text, score) of every piece in turn; the last one again and again. language: what is detected, and how
    surely."""

    multilingual: bool = True
    answers: list[tuple[str, float]] = field(default_factory=lambda: [("so", -0.5)])
    language: tuple[str, float] = ("de", 0.9)
    searches: list[Search] = field(default_factory=list)
    aligned: list[tuple[list[str], list[int]]] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    hf_tokenizer: Any = field(init=False)
    feature_extractor: "Extractor" = field(init=False)
    model: SimpleNamespace = field(init=False)

    max_length = 448
    get_prompt = WhisperModel.get_prompt

    def __post_init__(self) -> None:
        self.hf_tokenizer = TOKENIZER
        self.feature_extractor = Extractor()
        self.model = SimpleNamespace(
            is_multilingual=self.multilingual, generate=self._generate, detect_language=self._detect
        )

    def __call__(self, folder: str, **options: Any) -> "Scripted":
        """As the class of faster-whisper is called."""
        self.made = {"folder": folder, **options}
        return self

    def encode(self, features: Any) -> Any:
        assert features.ndim == 3
        return features

    def find_alignment(
        self, tokenizer: Any, tokens: Sequence[list[int]], encoded: Any, frames: Sequence[int]
    ) -> list[list[dict[str, Any]]]:
        """Every word of an answer lasts half a second."""
        texts = [tokenizer.decode(one) for one in tokens]
        self.aligned.append((texts, list(frames)))
        return [
            [
                {"word": f" {word}", "tokens": [at], "start": 1 + at / 2, "end": 1.5 + at / 2, "probability": 0.75}
                for at, word in enumerate(text.split())
            ]
            for text in texts
        ]

    def _generate(self, encoded: Any, prompts: Sequence[list[int]], **options: Any) -> list[Any]:
        assert len(encoded) == len(prompts)
        texts = [TOKENIZER.decode(one, skip_special_tokens=False) for one in prompts]
        self.searches.append(Search(encoded[:, 0].tolist(), texts, [len(one) for one in prompts], options))
        return [self._answer() for _ in prompts]

    def _answer(self) -> Any:
        text, score = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        tokens = [TIMESTAMP, *TOKENIZER.encode(text).ids, TIMESTAMP + 50]
        return SimpleNamespace(sequences_ids=[tokens], scores=[score], no_speech_prob=0.125)

    def _detect(self, encoded: Any) -> list[list[tuple[str, float]]]:
        language, probability = self.language
        return [[(f"<|{language}|>", probability), ("<|la|>", 0.001)]] * len(encoded)


class Extractor:
    """Of each frame the first sample; one frame too many, as faster-whisper has."""

    mel_filters = np.zeros((1, 1), np.float32)

    def __call__(self, samples: Any, padding: int) -> Any:
        return np.concatenate([samples, np.zeros(padding, np.float32)])[None, ::HOP]
