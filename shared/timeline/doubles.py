"""Finds words that were heard twice, in the sound of the call and in a separated source, or at the seam of two
stretches: of each pair the better stays."""

import string
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from shared.contract import v1

_OF_THE_CALL = 0.7
"""What the confidence of a word is worth that was heard in the sound of the call, beside one of a separated source."""


def superseded(transcript: v1.Transcript, others: Iterable[v1.Transcript]) -> list[bool]:
    """For each word, whether a better one is in the other transcripts. Both have their speakers.

    Two words compete where they share more than half of the shorter one's time, and either are the same (and not of
    two sources, for two people may say the same), or are of one speaker, and at least one is of a source: nobody says
    two words at once."""
    rivals = sorted(
        (
            (word.start_ms, _end(word), other.transcript_id, word)
            for other in others
            if other.channel == transcript.channel and other.transcript_id != transcript.transcript_id
            for word in other.words
        ),
        key=lambda rival: rival[:3],
    )
    if not rivals:
        return [False] * len(transcript.words)
    starts = [start for start, _, _, _ in rivals]
    longest = max(end - start for start, end, _, _ in rivals)
    return [_beaten(word, transcript.transcript_id, rivals, starts, longest) for word in transcript.words]


def _beaten(
    word: v1.Word,
    transcript_id: str,
    rivals: Sequence[tuple[int, int, str, v1.Word]],
    starts: Sequence[int],
    longest: int,
) -> bool:
    mine = (-_worth(word), transcript_id)
    for start, end, other_id, other in rivals[bisect_left(starts, word.start_ms - longest) :]:
        if start >= _end(word):
            break
        shared = min(end, _end(word)) - max(start, word.start_ms)
        shorter = min(end - start, _end(word) - word.start_ms)
        if 2 * shared > shorter and (-_worth(other), other_id) < mine and _compete(word, other):
            return True
    return False


def _compete(one: v1.Word, other: v1.Word) -> bool:
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


def _end(word: v1.Word) -> int:
    return max(word.end_ms, word.start_ms + 1)
