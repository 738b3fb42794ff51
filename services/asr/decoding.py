"""From an utterance to its words in the call's own time, through the recogniser and the guards."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from speakerline.services.asr.channel import SOUND_MARGIN_MS
from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.guards import guard
from speakerline.services.asr.sound import sound_of
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.utterances import Utterance
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.timeline.spans import Span, touches

MIXED_CONFIDENCE = 0.5
"""Words that several voices spoke into are right about half as often."""


class SharedRecogniser:
    """The recogniser that the calls of a worker share: `recognise` gathers their pieces."""

    def __init__(
        self,
        recognise: Callable[[Piece], Awaitable[Recognition]],
        name: str,
        languages: frozenset[str] | None = None,
        batch: int = 1,
        guarded: Callable[[str, int], None] = lambda guard, words: None,
        doubtful: float = 0.0,
    ) -> None:
        """`doubtful`: as that of the recogniser."""
        self.name, self.languages, self.guarded, self.doubtful = name, languages, guarded, doubtful
        self._recognise, self._batch = recognise, batch
        self._asked = 0

    @property
    def busy(self) -> bool:
        """Whether another piece would have to wait."""
        return self._asked >= self._batch

    async def recognise(self, piece: Piece) -> Recognition:
        """Raises ModelFailed."""
        self._asked += 1
        try:
            return await self._recognise(piece)
        finally:
            self._asked -= 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an utterance said. `language` as the recogniser has it, with its probability."""

    words: tuple[Guess, ...]
    language: str
    language_confidence: float
    mixed: bool


async def decode(
    utterance: Utterance, language: str, recogniser: SharedRecogniser, audio: AudioReader, rate: int, final: bool = True
) -> Decoded:
    """Words whose middle lies outside of the utterance's zone are somebody else's, or made up. So are doubtful ones
    where voices were separated: there each instant is decoded in the mixture and in the sources. Raises ModelFailed."""
    sound = await sound_of(utterance, audio, rate, SOUND_MARGIN_MS if final else 0)
    if sound is None:
        return Decoded((), language, 0.0, False)
    samples, start_ms = sound
    piece = Piece(to_16khz(samples, rate), language)
    recognition = await recogniser.recognise(piece)
    words = _in_the_call(recognition, piece.samples, start_ms, recogniser)
    inside = [_placed(word, utterance) for word in words if _counts(word, utterance)]
    believed = tuple(word for word in inside if _is_believed(word, utterance, recogniser.doubtful))
    for name, count in (("outside", len(words) - len(inside)), ("doubtful", len(inside) - len(believed))):
        if count:
            recogniser.guarded(name, count)
    return Decoded(believed, recognition.language, recognition.language_confidence, bool(utterance.mixed))


def _in_the_call(
    recognition: Recognition, samples: Float32s, start_ms: int, recogniser: SharedRecogniser
) -> list[Guess]:
    guarded = guard(recognition, samples)
    for name, count in guarded.dropped.items():
        recogniser.guarded(name, count)
    return [
        Guess(
            word.text.strip(),
            start_ms + round(word.start_s * 1000),
            start_ms + round(max(word.start_s, word.end_s) * 1000),
            min(max(word.confidence, 0.0), 1.0),
        )
        for word in guarded.words
        if word.text.strip()
    ]


def _counts(word: Guess, utterance: Utterance) -> bool:
    return utterance.zone[0] <= word.middle_ms < utterance.zone[1]


def _placed(word: Guess, utterance: Utterance) -> Guess:
    """With the source that it was recognition in, and less confidence where voices are mixed."""
    share = MIXED_CONFIDENCE if _within(word, (*utterance.mixed, *utterance.separated)) else 1.0
    return Guess(word.text, word.start_ms, word.end_ms, word.confidence * share, utterance.source_id)


def _is_believed(word: Guess, utterance: Utterance, doubtful: float) -> bool:
    return word.confidence >= doubtful or not (word.source_id or _within(word, utterance.separated))


def _within(word: Guess, spans: Sequence[Span]) -> bool:
    return touches((word.middle_ms, word.middle_ms + 1), spans)
