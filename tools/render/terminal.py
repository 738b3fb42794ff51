"""A live view of a call in a terminal: one lane per speaker, which scrolls when it is full, with the speaker's latest
words below it.

     call-40  ●  0:23 / 1:30
     ━━━━━━━━━━━━━━━━╸────────────────────────────────────────────
     Ada        ██████    ███████▒▒▒                11.8 s   49 %
                Well, there isn't that much
                difference
     S2                ███         ▒▒               12.5 s   51 %
                Neither did I.
     unknown                         ░
     overlap           ▄           ▄
                0:00      0:05      0:10

Full blocks are settled, shaded ones are provisional, light ones are not attributed yet. Interim words are dim.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.spans import Span
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import joined
from speakerline.tools.render.lanes import Lane, amount, clock, gaps, lanes, music, overlaps
from speakerline.tools.render.said import Line, latest_lines

MS_PER_COLUMN = 500
_SETTLED, _PROVISIONAL, _UNKNOWN, _OVERLAP, _LOST, _MUSIC = "█", "▒", "░", "▄", "╳", "♪"
_MOST_ROWS_OF_WORDS, _OTHER_ROWS = 2, 7
_LABEL, _TALK = 12, 16
_TICKS_MS = (5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000)


def render(
    timeline: Timeline, now_ms: int, duration_ms: int | None = None, ms_per_column: int = MS_PER_COLUMN
) -> "View":
    """The view at the position `now_ms`; with `duration_ms`, a progress bar too."""
    return View(timeline, now_ms, duration_ms, ms_per_column)


@dataclass(frozen=True, slots=True)
class View:
    """A rich renderable as wide as the console; it reads the timeline when it is drawn."""

    timeline: Timeline
    now_ms: int
    duration_ms: int | None
    ms_per_column: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(40, options.max_width)
        strip = _Strip(self.now_ms, width - _LABEL - _TALK - 3, self.ms_per_column)
        yield self._head()
        if self.duration_ms:
            yield _progress(self.now_ms / self.duration_ms, width)
        summary = summarise(self.timeline, self.now_ms)
        talked = {
            one.speaker_id: f"{amount(one.talk_ms):>8} {100 * one.talk_ratio:>4.0f} %" for one in summary.speakers
        }
        rows_of = lanes(self.timeline, self.now_ms)
        rows = _rows_of_words(len(rows_of), options.max_height if options.height is None else options.height)
        said = latest_lines(self.timeline, self.now_ms, width - _LABEL - 1, rows) if rows else {}
        for lane in rows_of:
            yield _row(shown(lane.label), _cells(lane, strip), talked.get(lane.speaker_id, ""))
            yield from _words(said.get(lane.speaker_id, []), rows if said and lane.speaker_id else 0)
        for name, mark, colour, spans in (
            ("overlap", _OVERLAP, "yellow", overlaps(self.timeline)),
            ("music", _MUSIC, "blue", music(self.timeline)),
            ("lost", _LOST, "red", gaps(self.timeline)),
        ):
            if spans:
                yield _row(name, strip.painted([(spans, mark, colour)]), "", "dim")
        yield _row("", strip.ruler(), "")

    def _head(self) -> Text:
        of = f" / {clock(self.duration_ms)}" if self.duration_ms else ""
        state = ("■", "ended", "dim") if self.timeline.ended else ("●", "live", "red")
        parts = [(self.timeline.call_id, "bold"), ("  ", ""), (f"{state[0]} {state[1]}", state[2])]
        return Text.assemble(
            *parts, ("  ", ""), (f"{clock(self.now_ms)}{of}", "bold"), no_wrap=True, overflow="ellipsis"
        )


class _Strip:
    """The columns that are shown: the latest that fit."""

    def __init__(self, now_ms: int, columns: int, ms_per_column: int) -> None:
        self._scale = ms_per_column
        self._columns = columns
        self._first = max(0, -(-now_ms // ms_per_column) - columns)

    def painted(self, layers: Iterable[tuple[Sequence[Span], str, str]]) -> Text:
        """Layers of (spans, mark, style), each over the one before. A span fills at least one column."""
        cells = [(" ", "")] * self._columns
        for spans, mark, style in layers:
            for start_ms, end_ms in spans:
                start = start_ms // self._scale - self._first
                end = max(start + 1, (end_ms + self._scale // 2) // self._scale - self._first)
                for column in range(max(0, start), min(end, self._columns)):
                    cells[column] = (mark, style)
        runs = (("".join(mark for mark, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1]))
        return Text.assemble(*runs)

    def ruler(self) -> Text:
        """The time under the column where it begins."""
        step = next((tick for tick in _TICKS_MS if tick >= 10 * self._scale), _TICKS_MS[-1])
        line = ""
        first_ms = self._first * self._scale
        for at_ms in range(-(-first_ms // step) * step, first_ms + self._columns * self._scale, step):
            label, column = clock(at_ms), at_ms // self._scale - self._first
            if column + len(label) <= self._columns:
                line = line.ljust(column) + label
        return Text(line.ljust(self._columns), "dim")


def _cells(lane: Lane, strip: _Strip) -> Text:
    settled = [(one.start_ms, one.end_ms) for one in lane.spans if one.settled]
    pending = [(one.start_ms, one.end_ms) for one in lane.spans if not one.settled]
    if not lane.speaker_id:
        return strip.painted([(pending + settled, _UNKNOWN, lane.colour)])
    return strip.painted([(pending, _PROVISIONAL, f"dim {lane.colour}"), (settled, _SETTLED, lane.colour)])


def _rows_of_words(lanes: int, height: int) -> int:
    """How many lines of words each lane may have so that all of it is seen."""
    return max(0, min(_MOST_ROWS_OF_WORDS, (height - _OTHER_ROWS - lanes) // max(1, lanes)))


def _words(lines: Sequence[Line], rows: int) -> Iterable[Text]:
    """At least `rows` lines, so that nothing below jumps when somebody begins to speak."""
    for line in [*lines, *([[]] * (rows - len(lines)))]:
        runs = groupby(line, key=lambda word: word.final)
        parts = [(shown(joined(run)), "" if final else "dim italic") for final, run in runs]
        blanks = [part for pair in zip(parts, [(" ", "")] * len(parts), strict=True) for part in pair]
        yield Text.assemble((" " * (_LABEL + 1), ""), *blanks[:-1], no_wrap=True, overflow="ellipsis")


def _row(label: str, cells: Text, talked: str, style: str = "") -> Text:
    short = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
    name, right = (f"{short:<{_LABEL}} ", style), (f" {talked:>{_TALK}}", "dim")
    return Text.assemble(name, cells, right, no_wrap=True)


def _progress(share: float, width: int) -> Text:
    filled = round(min(1.0, share) * width)
    return Text.assemble(("━" * filled, "green"), ("─" * (width - filled), "dim"), no_wrap=True)
