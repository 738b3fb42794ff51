"""Whether words are given to the right speaker, where a reference knows when each word was said."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speakerline.tools.score.transcripts import Said

COLLAR_MS = 500
"""The middles of a word of the reference and of one of the hypothesis may be so far apart."""


@dataclass(frozen=True, slots=True)
class WordAttribution:
    """Of the words of the reference, how many were found at their time, and of those, how many with their speaker."""

    words: int
    found: int
    right: int

    def __add__(self, other: "WordAttribution") -> "WordAttribution":
        return WordAttribution(self.words + other.words, self.found + other.found, self.right + other.right)

    @property
    def share(self) -> float:
        """Of the words found."""
        return self.right / self.found if self.found else 0.0


def word_attribution(
    reference: Sequence[Said], hypothesis: Sequence[Said], mapping: Mapping[str, str]
) -> WordAttribution:
    """Both are single words. Pairs the same words, one to one, the nearest in time first, within COLLAR_MS.

    Of equally near ones, as where two say the same at once, the one with the right speaker is taken."""
    by_text: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for number, word in enumerate(hypothesis):
        by_text[word.text].append((word.middle_ms, number))
    for same in by_text.values():
        same.sort()
    pairs: list[tuple[float, bool, int, int]] = []
    for number, word in enumerate(reference):
        same = by_text.get(word.text, [])
        for middle_ms, other in same[bisect_left(same, (word.middle_ms - COLLAR_MS, -1)) :]:
            if middle_ms > word.middle_ms + COLLAR_MS:
                break
            wrong = mapping.get(hypothesis[other].speaker) != word.speaker
            pairs.append((abs(middle_ms - word.middle_ms), wrong, number, other))
    mine: set[int] = set()
    theirs: set[int] = set()
    right = 0
    for _, wrong, number, other in sorted(pairs):
        if number not in mine and other not in theirs:
            mine.add(number)
            theirs.add(other)
            right += not wrong
    return WordAttribution(len(reference), len(mine), right)
