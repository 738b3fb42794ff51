"""Who said what: the words of all transcripts, joined into utterances of one speaker each."""

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.writing import written

PAUSE_MS = 1500
"""A longer pause ends an utterance."""

BREATH_MS = 250
"""A shorter pause does not count, so that two who talk at once do not end each other's utterances."""

PARAGRAPH_MS = 30_000
"""The longest paragraph, so that long monologues keep time stamps."""


_Voice = tuple[str, int]
"""A speaker's id, and the channel."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word that is not superseded. Times in ms of the call, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    speaker_id: str
    """With merges resolved; empty if unknown."""
    channel: int
    final: bool


@dataclass(slots=True)
class Utterance:
    """Consecutive words of one speaker, at least one. Times in ms of the call."""

    speaker_id: str
    label: str
    """The name of the speaker if there is one, else the id, else `unknown`."""
    channel: int
    words: list[SpokenWord] = field(default_factory=list)

    @property
    def start_ms(self) -> int:
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        return max(word.end_ms for word in self.words)

    @property
    def text(self) -> str:
        return joined(self.words)

    @property
    def final(self) -> bool:
        return all(word.final for word in self.words)


def joined(words: Iterable[SpokenWord | v1.Word]) -> str:
    """The words as the engine wrote them, in one line: a line end would end a subtitle."""
    return written(word.text for word in words)


def spoken_words(timeline: Timeline, since_ms: int = 0) -> list[SpokenWord]:
    """All words that are not superseded, of transcripts that end at or after `since_ms`, in order of time."""
    resolve = timeline.speakers.resolve
    words = [
        SpokenWord(
            " ".join(word.text.split()),
            word.start_ms,
            word.end_ms,
            word.confidence,
            resolve(word.speaker_id),
            transcript.channel,
            transcript.final,
        )
        for transcript in timeline.transcripts.values()
        if transcript.end_ms >= since_ms
        for word in transcript.words
        if not word.superseded and word.text.strip()
    ]
    return sorted(words, key=lambda word: (word.start_ms, word.end_ms, word.channel, word.speaker_id))


def utterances(timeline: Timeline) -> list[Utterance]:
    """The utterances of a call, by start.

    A pause of more than PAUSE_MS ends one, and so does a word of another speaker in a pause of BREATH_MS or more."""
    return in_utterances(spoken_words(timeline), timeline.speakers.label)


def in_utterances(words: Sequence[SpokenWord], label: Callable[[str], str] = str) -> list[Utterance]:
    """The utterances of these words, which must be in order of time; `label` gives the label of a speaker id."""
    said: list[Utterance] = []
    current_of: dict[_Voice, Utterance] = {}
    middles = sorted(((word.start_ms + word.end_ms) / 2, _voice(word)) for word in words)
    for word in words:
        voice = _voice(word)
        current = current_of.get(voice)
        if current is None or _ends(current.words[-1], word, middles):
            current = current_of[voice] = Utterance(word.speaker_id, label(word.speaker_id), word.channel)
            said.append(current)
        current.words.append(word)
    return said


def paragraphs(timeline: Timeline) -> list[Utterance]:
    """Utterances of one speaker, joined where nobody else speaks between them, up to PARAGRAPH_MS."""
    made: list[Utterance] = []
    others_end_ms = 0
    for one in utterances(timeline):
        last = made[-1] if made else None
        goes_on = last and (last.speaker_id, last.channel) == (one.speaker_id, one.channel)
        if last and goes_on and others_end_ms <= last.end_ms and one.start_ms - last.start_ms < PARAGRAPH_MS:
            last.words.extend(one.words)
            continue
        others_end_ms = max([others_end_ms, *([last.end_ms] if last and not goes_on else [])])
        made.append(Utterance(one.speaker_id, one.label, one.channel, list(one.words)))
    return made


def _ends(before: SpokenWord, word: SpokenWord, middles: Sequence[tuple[float, _Voice]]) -> bool:
    """Whether an utterance ends between two words of one voice; `middles` is when all words of the call are said."""
    pause_ms = word.start_ms - before.end_ms
    if pause_ms > PAUSE_MS or pause_ms < BREATH_MS:
        return pause_ms > PAUSE_MS
    first = bisect_left(middles, (before.end_ms, ("", 0)))
    between = itertools.takewhile(lambda one: one[0] < word.start_ms, itertools.islice(middles, first, None))
    return any(voice != _voice(word) for _, voice in between)


def _voice(word: SpokenWord) -> _Voice:
    return word.speaker_id, word.channel
