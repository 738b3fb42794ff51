"""From windows and lifted voices to words in the call's own time, through the recogniser and the guards."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from speakerline.services.asr.engine import Piece, Recognition
from speakerline.services.asr.guards import guard
from speakerline.services.asr.seams import after_seam, before_seam
from speakerline.services.asr.sound import context_of, overlaps_truly, read, voice_amid_call
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.windows import SEAM_MS, Region, Window
from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.resample import to_16khz
from speakerline.shared.runtime.stage import AudioReader
from speakerline.shared.timeline.spans import Span, common, length
from speakerline.shared.timeline.writing import written

PROMPT_WORDS = 30

RECENT_WORDS = 150
"""More than anybody says in the longest window and an overlap behind it."""

REST_MS, REST_SPEECH_MS = 2_000, 1_500
"""Where so much is left of a window behind its last word, and so much speech in that, it is decoded by itself: Whisper
ends early at times."""

MOST_RESTS = 2

SAME_WORD_MS = 500
"""The same text within this in two lifted voices is one word."""


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
        """`doubtful`: as that of the recogniser. `batch`: how many fast pieces it takes at once."""
        self.name, self.languages, self.guarded, self.doubtful = name, languages, guarded, doubtful
        self._recognise, self._batch = recognise, batch
        self._asked = Counter[bool]()

    @property
    def busy(self) -> bool:
        """Whether a fast piece would have to wait: it goes ahead of no other."""
        return self._asked[False] > 0 or self._asked[True] >= self._batch

    async def recognise(self, piece: Piece) -> Recognition:
        """Raises ModelFailed."""
        self._asked[piece.fast] += 1
        try:
            return await self._recognise(piece)
        finally:
            self._asked[piece.fast] -= 1

    def knows(self, language: str) -> bool:
        """Whether it can be asked for that language; "" = any."""
        return not language or self.languages is None or language in self.languages


@dataclass(slots=True)
class Said:
    """The last final words of a channel and their language: what the next window goes on from. Plain data."""

    language: str = ""
    words: list[Guess] = field(default_factory=list)

    def add(self, words: Sequence[Guess], language: str) -> None:
        self.words = [*self.words, *words][-RECENT_WORDS:]
        self.language = language if words else self.language


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes the sound of one call. language: of the call, where it is known."""

    recogniser: SharedRecogniser
    audio: AudioReader
    rate: int
    language: str = ""

    async def window(self, window: Window, said: Said, narrow: bool = False) -> tuple[list[Guess], str]:
        """The words of a window and their language. Raises ModelFailed."""
        words, language = await self._window(window, window.from_ms, said, (), narrow)
        for _ in range(MOST_RESTS):
            start_ms = words[-1].end_ms if words else window.end_ms
            if not _goes_on(window, start_ms):
                break
            rest, _ = await self._window(window, start_ms, said, words, narrow)
            if not rest:
                break
            words += [word for word in rest if word.middle_ms >= start_ms]
        if window.seam:
            words = after_seam(said.words, words, window.start_ms, SEAM_MS)
        if window.through_ms == window.end_ms + SEAM_MS:
            words = before_seam(words, window.end_ms, window.through_ms)
        return words, language

    async def hypothesis(self, channel: int, span: Span, said: Said, shown: Sequence[Guess]) -> list[Guess]:
        """What may be said in a stretch of an open window, soon. Raises ModelFailed."""
        words, _ = await self._decode(channel, span, said, shown, fast=True)
        return words

    async def region(self, region: Region, said: Said) -> list[list[Guess]]:
        """The words of each lifted voice within the region, none where nobody truly spoke beside somebody. Raises
        ModelFailed."""
        if not await overlaps_truly(region, self.audio, self.rate):
            return [[] for _ in region.voices]
        found = [await self._voice(region, number, said) for number in range(len(region.voices))]
        return [
            [word for word in words if not any(_beaten(word, other) for other in _others(found, number))]
            for number, words in enumerate(found)
        ]

    async def _voice(self, region: Region, number: int, said: Said) -> list[Guess]:
        voice, recogniser = region.voices[number], self.recogniser
        samples = await voice_amid_call(region, voice, self.audio, self.rate)
        if samples is None:
            return []
        piece = Piece(to_16khz(samples, self.rate), self.language, said.language)
        words = self._in_the_call(await recogniser.recognise(piece), piece.samples, context_of(region)[0])
        inside = [word for word in words if region.start_ms <= word.middle_ms < region.end_ms]
        believed = [word for word in inside if word.confidence >= recogniser.doubtful]
        for name, count in (("outside", len(words) - len(inside)), ("doubtful", len(inside) - len(believed))):
            if count:
                recogniser.guarded(name, count)
        return [Guess(one.text, one.start_ms, one.end_ms, one.confidence, voice.source_id) for one in believed]

    async def _window(
        self, window: Window, from_ms: int, said: Said, before: Sequence[Guess], narrow: bool
    ) -> tuple[list[Guess], str]:
        return await self._decode(window.channel, (from_ms, window.through_ms), said, before, narrow=narrow)

    async def _decode(
        self, channel: int, span: Span, said: Said, before: Sequence[Guess], fast: bool = False, narrow: bool = False
    ) -> tuple[list[Guess], str]:
        samples = to_16khz(await read(self.audio, channel, span, self.rate), self.rate)
        known = [*said.words, *before]
        prompt = _text([word for word in known if word.middle_ms < span[0]][-PROMPT_WORDS:])
        begins = _text([word for word in before if word.middle_ms >= span[0]]) if fast else ""
        piece = Piece(samples, self.language, said.language, prompt, begins, fast, narrow)
        recognition = await self.recogniser.recognise(piece)
        return self._in_the_call(recognition, samples, span[0]), recognition.language

    def _in_the_call(self, recognition: Recognition, samples: Float32s, start_ms: int) -> list[Guess]:
        guarded = guard(recognition, samples)
        for name, count in guarded.dropped.items():
            self.recogniser.guarded(name, count)
        return [
            Guess(
                word.text.strip(),
                start_ms + round(word.start_s * 1000),
                start_ms + round(max(word.start_s, word.end_s) * 1000),
                min(max(word.confidence, 0.0), 1.0),
            )
            for word in guarded.words
        ]


def _text(words: Sequence[Guess]) -> str:
    return written(word.text for word in words)


def _goes_on(window: Window, start_ms: int) -> bool:
    if window.end_ms - start_ms < REST_MS:
        return False
    return length(common(window.speech, [(start_ms, window.end_ms)])) >= REST_SPEECH_MS


def _others(found: Sequence[list[Guess]], number: int) -> list[list[Guess]]:
    return [words for at, words in enumerate(found) if at != number]


def _beaten(word: Guess, others: Sequence[Guess]) -> bool:
    """Whether another voice says the same, better."""
    return any(
        other.plain == word.plain
        and abs(other.middle_ms - word.middle_ms) < SAME_WORD_MS
        and (other.confidence, other.source_id) > (word.confidence, word.source_id)
        for other in others
    )
