"""Which voices of a window still have the voiceprint that an earlier window made of nearly the same sound; pure.

    window before   |....AAAA..BBBB|             a print of A, and one of B
    this window         |AAAA..BBBBBBBB|         that of A stands; B has said much that is new

So a voiceprint is made only where there is something to learn. Which one a voice has follows from the sound alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Bools, Int64s
from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES, frames_at

PIECE_MS = 10
WINDOW_MS = WINDOW_SAMPLES // 16
LATEST = 200
"""2 s: so much of a voice makes its voiceprint, counted in pieces."""
MOST_CHANGED = 0.2
"""A voiceprint stands while no more than this share of the latest sound is new, and no more of the print's own sound,
as far as this window hears it, is not the voice's any more. With it 77 % of the voiceprints of a real call of two are
made. With 0.3 it is 71 %, but labels of three people 5 s after the sound lose half a point; with 0.5, where who goes on
speaking has a new one every 2 s, labels of two people and meetings lose, too."""
_FRAMES = frames_at((np.arange(WINDOW_MS // PIECE_MS) + 0.5) * PIECE_MS / 1000)


@dataclass(slots=True, eq=False)
class Print:
    """pieces: the 10 ms of the channel that it was made of, counted from the start of the call, ascending. voiceprint:
    as it travels, empty until it is made."""

    pieces: Int64s
    voiceprint: str = ""


class Prints:
    """Those of the voices of the last window, of each channel of a call. stored: what `dump` gave, or nothing."""

    def __init__(self, stored: Mapping[str, Sequence[Sequence[object]]]) -> None:
        self._latest = {
            int(channel): [Print(_pieces(spans), str(text)) for spans, text in prints]  # type: ignore[arg-type]
            for channel, prints in stored.items()
        }

    def of(self, channel: int, end_ms: int, masks: Sequence[Bools | None]) -> list[Print | None]:
        """For each voice of the next window of a channel its print: an earlier one, or one to be made. masks: the
        frames (293,) in which it speaks alone; None where these are too few."""
        known, first = self._latest.get(channel, []), (end_ms - WINDOW_MS) // PIECE_MS
        own = [None if mask is None else np.flatnonzero(mask[_FRAMES]) + first for mask in masks]
        found = [None if pieces is None else _print(pieces, first, known) for pieces in own]
        self._latest[channel] = [one for one in found if one is not None]
        return found

    def dump(self) -> dict[str, list[list[object]]]:
        """The stored form."""
        return {
            str(channel): [[_spans(one.pieces), one.voiceprint] for one in prints]
            for channel, prints in self._latest.items()
        }


def _print(own: Int64s, first: int, known: Sequence[Print]) -> Print:
    """The known one that stands for a voice of these pieces and has changed least; a new one where none does."""
    latest = own[-LATEST:]
    changed = [
        max(
            int(np.isin(latest, one.pieces, invert=True).sum()),
            int(np.isin(one.pieces[one.pieces >= first], own, invert=True).sum()),
        )
        for one in known
    ]
    if changed and min(changed) <= MOST_CHANGED * len(latest):
        return known[changed.index(min(changed))]
    return Print(latest)


def _spans(pieces: Int64s) -> list[int]:
    """Start, end, start, end, ..."""
    edges = np.flatnonzero(np.diff(pieces) > 1)
    starts, ends = pieces[[0, *(edges + 1)]], pieces[[*edges, -1]] + 1
    return [int(edge) for edge in np.stack([starts, ends], axis=1).ravel()]


def _pieces(spans: Sequence[int]) -> Int64s:
    return np.concatenate([np.arange(a, b) for a, b in zip(spans[::2], spans[1::2], strict=True)])
