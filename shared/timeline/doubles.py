"""Finds words that were recognised twice, in the mixture and in a separated source, or at the boundary of two
transcripts: of each pair the better stays."""

import string
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from speakerline.shared.contract import v1

_OF_THE_CALL = 0.7
"""Weight of the confidence of a word from the mixture, against one from a separated source."""

Beside = Callable[[v1.Transcript], Iterable[v1.Transcript]]
"""The transcripts that share time with one, which may be among them. All have their speakers."""

Rank = tuple[float, str, int]
"""Better words first; names the word."""


@dataclass(frozen=True, slots=True)
class _Said:
    rank: Rank
    start_ms: int
    end_ms: int
    word: v1.Word
    of: v1.Transcript


class Doubles:
    """Which words are superseded, from the best down: a word that is superseded supersedes nobody.

    Two words compete where they share more than half of the shorter one's time, and either are the same (and not of
    two sources, for two people may say the same), or are of one speaker, and at least one is of a source: nobody says
    two words at once. It looks as far as chains of ever better words reach, so the answers are those of the whole
    call."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._rivals: dict[str, _Rivals] = {}
        self._beaten: dict[Rank, bool] = {}

    def superseded(self, transcript: v1.Transcript) -> list[bool]:
        """For each word, whether a better one is in another transcript."""
        words = [_said(transcript, number) for number in range(len(transcript.words))]
        return [self._is_beaten(word) for word in words]

    def _is_beaten(self, word: _Said) -> bool:
        better: dict[Rank, list[_Said]] = {}
        waiting = [word]
        while waiting:
            one = waiting.pop()
            if one.rank not in self._beaten and one.rank not in better:
                better[one.rank] = list(self._rivals_of(one.of).better_than(one))
                waiting += better[one.rank]
        for rank in sorted(better):
            self._beaten[rank] = any(not self._beaten[rival.rank] for rival in better[rank])
        return self._beaten[word.rank]

    def _rivals_of(self, transcript: v1.Transcript) -> "_Rivals":
        if transcript.transcript_id not in self._rivals:
            self._rivals[transcript.transcript_id] = _Rivals(transcript, self._beside(transcript))
        return self._rivals[transcript.transcript_id]


class _Rivals:
    """The words of other transcripts on the channel, in order of time."""

    def __init__(self, transcript: v1.Transcript, others: Iterable[v1.Transcript]) -> None:
        self._words = sorted(
            (
                _said(other, number)
                for other in others
                if other.channel == transcript.channel and other.transcript_id != transcript.transcript_id
                for number in range(len(other.words))
            ),
            key=lambda said: (said.start_ms, said.rank),
        )
        self._starts = [said.start_ms for said in self._words]
        self._longest = max((said.end_ms - said.start_ms for said in self._words), default=0)

    def better_than(self, word: _Said) -> Iterator[_Said]:
        for number in range(bisect_left(self._starts, word.start_ms - self._longest), len(self._words)):
            rival = self._words[number]
            if rival.start_ms >= word.end_ms:
                return
            if rival.rank < word.rank and _compete(word, rival):
                yield rival


def _said(transcript: v1.Transcript, number: int) -> _Said:
    word = transcript.words[number]
    rank = (-_worth(word), transcript.transcript_id, number)
    return _Said(rank, word.start_ms, max(word.end_ms, word.start_ms + 1), word, transcript)


def _compete(one: _Said, other: _Said) -> bool:
    shared = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return 2 * shared > shorter and _are_double(one.word, other.word)


def _are_double(one: v1.Word, other: v1.Word) -> bool:
    if one.source_id and one.source_id == other.source_id:
        return same_text(one.text, other.text)
    of_one_speaker = one.speaker_id == other.speaker_id != ""
    if one.source_id and other.source_id:
        return of_one_speaker
    return same_text(one.text, other.text) or (of_one_speaker and bool(one.source_id or other.source_id))


def same_text(one: str, other: str) -> bool:
    """Whether two words are the same but for casing and punctuation around them."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return text.casefold().strip(string.punctuation + "…“”‘’«»¿¡")


def _worth(word: v1.Word) -> float:
    return round(word.confidence if word.source_id else _OF_THE_CALL * word.confidence, 6)
