"""What viewers saw while the call ran: the timeline's labels, replayed event by event.

A grid, one row a speaker and one column 10 ms of audio, holds who is shown where. Events of one `at_ms` are one change
of the picture. For a delay d, the labels of the instant t are those shown when the call had reached t + d:

    events at      a1          a2                a3
    audio     ─────┼───────────┼─────────────────┼──────>
    taken from     [a1-d  a2-d)[a2-d       a3-d)[a3-d    end)    of the picture after a1, a2, a3
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from speakerline.shared.arrays import Bools, Int64s
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.timeline.spans import Span
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.score.files import Labels

CELL_MS = 10
CHANGE_MS = 100
"""Less audio than this that moves to another speaker is no change that anybody sees."""

_BUCKET_MS = 10_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What the replay found."""

    shown: Mapping[int, Labels]
    """Per delay in ms, the labels as they stood then."""
    changes: int
    """How often the picture changed so that CHANGE_MS of audio or more moved from one speaker to another."""
    relabelled_ms: int
    """Audio that moved from one speaker to another, summed over all changes."""
    first_correct_ms: Mapping[str, Int64s]
    """Per reference speaker and cell, the `at_ms` at which it first showed the right speaker; -1 = never."""


def replay(
    events: Sequence[v1.TimelineEvent], reference: Labels, mapping: Mapping[str, str], delays_ms: Sequence[int]
) -> Seen:
    """`events` is one call from seq 1 on; `mapping`: final label to reference speaker."""
    picture = _Picture(events, reference)
    watched = {speaker: picture.rows[label] for label, speaker in mapping.items()}
    wanted = {speaker: _row(reference[speaker], picture.cells.shape[1]) for speaker in watched}
    first = {speaker: np.full(picture.cells.shape[1], -1, np.int64) for speaker in watched}
    shown = {delay_ms: np.zeros_like(picture.cells) for delay_ms in delays_ms}
    changes = relabelled = 0
    groups = [(at_ms, list(group)) for at_ms, group in groupby(events, key=lambda event: event.at_ms)]
    untils = [*(at_ms for at_ms, _ in groups[1:]), None]
    for (at_ms, group), until_ms in zip(groups, untils, strict=True):
        touched, moved = picture.change(group)
        relabelled += moved
        changes += moved * CELL_MS >= CHANGE_MS
        for speaker, row in watched.items():
            now = picture.cells[row, touched] & wanted[speaker][touched] & (first[speaker][touched] < 0)
            first[speaker][touched][now] = at_ms
        for delay_ms, grid in shown.items():
            window = _window(at_ms - delay_ms, None if until_ms is None else until_ms - delay_ms)
            grid[:, window] = picture.cells[:, window]
    labels = {delay_ms: _labels(grid, picture.rows) for delay_ms, grid in shown.items()}
    return Seen(labels, changes, relabelled * CELL_MS, first)


class _Picture:
    """The grid of what is shown now."""

    def __init__(self, events: Sequence[v1.TimelineEvent], reference: Labels) -> None:
        bodies = [body_of(event) for event in events]
        turns = [body for body in bodies if isinstance(body, v1.Turn)]
        merges = [body for body in bodies if isinstance(body, v1.SpeakerMerged)]
        speakers = sorted({turn.speaker_id for turn in turns} | {merge.into_speaker_id for merge in merges})
        ends = [turn.end_ms for turn in turns] + [spans[-1][1] for spans in reference.values() if spans]
        self.rows = {speaker: row for row, speaker in enumerate(filter(None, speakers))}
        self.cells: Bools = np.zeros((len(self.rows), _cell(max(ends, default=0))), np.bool_)
        self._timeline = Timeline(events[0].call_id if events else "")
        self._buckets: dict[int, set[str]] = defaultdict(set)

    def change(self, events: Sequence[v1.TimelineEvent]) -> tuple[slice, int]:
        """Fold events in; the columns that may have changed, and how many cells moved to another speaker."""
        touched: list[Span] = []
        for event in events:
            body = body_of(event)
            touched += self._spans(body)
            self._timeline.apply(event)
            touched += self._spans(body)
        if not touched:
            return slice(0, 0), 0
        start_ms, end_ms = min(start for start, _ in touched), max(end for _, end in touched)
        columns = _window(start_ms, end_ms)
        before = self.cells[:, columns].copy()
        self._draw(start_ms, end_ms)
        after = self.cells[:, columns]
        moved = (before & ~after).any(axis=0) & (after & ~before).any(axis=0)
        return columns, int(moved.sum())

    def _spans(self, body: v1.TimelineBody | None) -> list[Span]:
        """The audio whose labels depend on the event."""
        if isinstance(body, v1.SpeakerMerged | v1.SpeakerSplit):
            return [(0, self.cells.shape[1] * CELL_MS)]
        if not isinstance(body, v1.Turn | v1.TurnWithdrawn):
            return []
        turn = self._timeline.turns.get(body.turn_id)
        if turn is None:
            return []
        for bucket in range(turn.start_ms // _BUCKET_MS, turn.end_ms // _BUCKET_MS + 1):
            self._buckets[bucket].add(turn.turn_id)
        return [(turn.start_ms, turn.end_ms)]

    def _draw(self, start_ms: int, end_ms: int) -> None:
        """Fill the columns of [start_ms, end_ms) anew from the turns that touch them."""
        columns = _window(start_ms, end_ms)
        self.cells[:, columns] = False
        buckets = range(start_ms // _BUCKET_MS, end_ms // _BUCKET_MS + 1)
        for turn_id in {turn_id for bucket in buckets for turn_id in self._buckets.get(bucket, ())}:
            turn = self._timeline.turns.get(turn_id)
            speaker_id = self._timeline.speakers.resolve(turn.speaker_id) if turn else ""
            if turn and speaker_id:
                own = _window(turn.start_ms, turn.end_ms)
                within = slice(max(own.start, columns.start), min(own.stop, columns.stop))
                self.cells[self.rows[speaker_id], within] = True


def _cell(at_ms: int) -> int:
    return max(0, (at_ms + CELL_MS // 2) // CELL_MS)


def _window(start_ms: int, end_ms: int | None) -> slice:
    return slice(_cell(start_ms), None if end_ms is None else _cell(end_ms))


def _row(spans: Sequence[Span], columns: int) -> Bools:
    row = np.zeros(columns, np.bool_)
    for start_ms, end_ms in spans:
        row[_window(start_ms, end_ms)] = True
    return row


def _labels(grid: Bools, rows: Mapping[str, int]) -> Labels:
    """The runs of each row as spans."""
    labels = {}
    for speaker, row in rows.items():
        edges = np.flatnonzero(np.diff(np.concatenate([[False], grid[row], [False]]).astype(np.int8))) * CELL_MS
        if len(edges):
            labels[speaker] = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    return labels
