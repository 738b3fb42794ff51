"""Joins two windows that both decoded the sound around a cut amid speech, by their text; pure.

before   ... we should meet on monday at|      decoded through a second after the cut
after             |eat on monday at the office ...
joined   ... we should meet on monday at the office
"""

from collections.abc import Sequence

from speakerline.services.asr.stability import Guess

APART_MS = 700
"""The times of a word in two windows differ by less."""


def before_seam(words: Sequence[Guess], cut_ms: int, through_ms: int) -> list[Guess]:
    """What the window before a cut says: through half of the sound behind it, and no word that is cut off."""
    half_ms = (cut_ms + through_ms) // 2
    return [word for word in words if word.middle_ms < half_ms and word.end_ms < through_ms - 50]


def after_seam(said: Sequence[Guess], words: Sequence[Guess], cut_ms: int, seam_ms: int) -> list[Guess]:
    """What the window after a cut adds to what was `said`: the words behind the longest run that both have.

    Where they have none in common, the words behind the last one that was said."""
    tail = [word for word in said if word.end_ms > cut_ms - seam_ms]
    head = [word for word in words if word.start_ms < cut_ms + seam_ms]
    last_ms = said[-1].end_ms if said else 0
    length, _, tail_end, head_end = max(_runs(tail, head), default=(0, 0, 0, 0))
    if length and tail_end == len(tail):
        return list(words[head_end:])
    return [word for word in words[head_end:] if word.middle_ms >= last_ms]


def _runs(tail: Sequence[Guess], head: Sequence[Guess]) -> list[tuple[int, int, int, int]]:
    """Of each pair of places where both say the same: for how many words up to there, minus how far apart they are, and
    the places behind them."""
    found: list[tuple[int, int, int, int]] = []
    lengths: dict[tuple[int, int], int] = {}
    for at, one in enumerate(tail, 1):
        for place, other in enumerate(head, 1):
            apart_ms = abs(one.middle_ms - other.middle_ms)
            if one.plain == other.plain and apart_ms < APART_MS:
                lengths[at, place] = lengths.get((at - 1, place - 1), 0) + 1
                found.append((lengths[at, place], -apart_ms, at, place))
    return found
