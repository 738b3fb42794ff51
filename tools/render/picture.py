"""A picture of a whole call: one lane per speaker, darker where confidence is higher, with words where they fit, gaps
and overlaps."""

import io
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from speakerline.shared.contract import v1
from speakerline.shared.timeline.shown import shown
from speakerline.shared.timeline.spans import Span, union
from speakerline.shared.timeline.statistics import summarise
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import utterances
from speakerline.tools.render.lanes import Lane, amount, clock, gaps, lanes, music, overlaps
from speakerline.tools.render.said import Caption, captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

WIDTH_PX = 1600
DPI = 100
_INK, _MUTED, _GRID = "#1F2933", "#667380", "#E3E8ED"
_GAP, _LOST, _REFERENCE, _MUSIC = "#B3261E", "#FBE9E7", "#A9B4BE", "#DCE9F5"
_LEFT, _RIGHT = 0.105, 0.978
_LANE_PX, _MARGIN_PX = 66, 138
_REFERENCE_ROW = 0.55
_WORDS_ROW, _WORDS_ROWS, _WORDS_SIZE, _CHARACTER_PX = 0.62, 3, 8, 5.8
"""Room below a lane for lines of words. A character of DejaVu Sans at 8 points and 100 dots an inch is 5.5 pixels wide,
measured on a line of 49."""
_FAINTEST = 0.3
"""Opacity of a turn without confidence: still visible."""

_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


def draw(
    timeline: Timeline, duration_ms: int | None = None, reference: Mapping[str, Sequence[Span]] | None = None
) -> bytes:
    """PNG, 1600 pixels wide, as high as there are lanes. `reference` adds a thin grey lane for each true speaker."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where its cache has no folder
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    duration_ms = max(1, timeline.duration_ms if duration_ms is None else duration_ms)
    rows_of, truth = lanes(timeline, duration_ms), reference or {}
    summary = summarise(timeline, duration_ms)
    said = _captions(timeline, rows_of, duration_ms)
    lane_row = 1 + (_WORDS_ROW if any(said.values()) else 0)
    speaker_rows = lane_row * max(2, len(rows_of))
    rows = speaker_rows + _REFERENCE_ROW * len(truth)
    height_px = rows * _LANE_PX + _MARGIN_PX
    figure = Figure(figsize=(WIDTH_PX / DPI, height_px / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((_LEFT, 50 / height_px, _RIGHT - _LEFT, 1 - _MARGIN_PX / height_px))
    _frame(axes, rows, duration_ms)
    _marks(axes, timeline)
    talked = {one.speaker_id: f"{amount(one.talk_ms)}   {100 * one.talk_ratio:.0f} %" for one in summary.speakers}
    for row, lane in enumerate(rows_of):
        middle = rows - lane_row * row - 0.56
        _draw_lane(axes, middle, lane, talked.get(lane.speaker_id, ""))
        _draw_words(axes, middle - 0.36, said[lane.speaker_id])
    for row, (speaker, spans) in enumerate(truth.items()):
        _draw_reference(axes, rows - speaker_rows - _REFERENCE_ROW * row - 0.3, speaker, spans)
    _heading(axes, timeline, summary, height_px)
    _legend(axes, timeline, rows_of, height_px)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(png, format="png")
    return png.getvalue()


def _captions(timeline: Timeline, rows_of: Sequence[Lane], duration_ms: int) -> dict[str, list[Caption]]:
    """The words that fit below each lane; none if most do not fit, as in a long call."""
    px_per_ms = WIDTH_PX * (_RIGHT - _LEFT) / duration_ms
    spoken = utterances(timeline)
    made = {
        lane.speaker_id: captions(
            [one for one in spoken if one.speaker_id == lane.speaker_id],
            duration_ms,
            px_per_ms,
            _CHARACTER_PX,
            _WORDS_ROWS,
        )
        for lane in rows_of
    }
    fits = 2 * sum(len(own) for own in made.values()) >= len(spoken)
    return made if fits else {speaker_id: [] for speaker_id in made}


def _frame(axes: "Axes", rows: float, duration_ms: int) -> None:
    seconds = duration_ms / 1000
    step = next((tick for tick in _TICKS_S if seconds / tick <= 16), _TICKS_S[-1])
    ticks = list(range(0, int(seconds) + 1, step))
    axes.set_xlim(0, seconds)
    axes.set_ylim(0, rows)
    axes.set_xticks(ticks, [clock(tick * 1000) for tick in ticks], color=_MUTED, fontsize=10)
    axes.set_yticks([])
    axes.tick_params(length=0, pad=6)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)


def _bars(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [(start / 1000, (end - start) / 1000) for start, end in spans]


def _marks(axes: "Axes", timeline: Timeline) -> None:
    """Behind all lanes: music in blue, gaps hatched, overlaps shaded, with a mark along the top that is visible in
    long calls too."""
    top = axes.get_ylim()[1]
    axes.broken_barh(_bars(union(music(timeline))), (0, top), facecolor=_MUSIC, linewidth=0, zorder=0.4)
    lost = _bars(union(gaps(timeline)))
    axes.broken_barh(lost, (0, top), facecolor=_LOST, edgecolor=_GAP, hatch="////", linewidth=0, zorder=0.5)
    together = _bars(union(overlaps(timeline)))
    axes.broken_barh(together, (top - 0.09, 0.09), facecolor=_INK, linewidth=0, zorder=3)
    axes.broken_barh(together, (0, top - 0.09), facecolor=_INK, alpha=0.07, linewidth=0, zorder=0.6)


def _draw_lane(axes: "Axes", middle: float, lane: Lane, talked: str) -> None:
    from matplotlib.colors import to_rgba

    axes.axhline(middle, color=_GRID, linewidth=0.8, zorder=1)
    place = (middle - 0.3, 0.6)
    bars = _bars([(one.start_ms, one.end_ms) for one in lane.spans])
    opacity = [_FAINTEST + (1 - _FAINTEST) * min(1.0, one.confidence) for one in lane.spans]
    axes.broken_barh(bars, place, facecolor="white", linewidth=0, snap=False, zorder=1.5)
    colours = [to_rgba(lane.colour, alpha) for alpha in opacity]
    axes.broken_barh(bars, place, facecolors=colours, linewidth=0, snap=False, zorder=2)
    pending = _bars([(one.start_ms, one.end_ms) for one in lane.spans if not one.settled])
    axes.broken_barh(pending, place, facecolor="none", edgecolor="white", hatch="////", linewidth=0, zorder=2.1)
    high = middle + (0.13 if talked else 0)
    _beside(axes, high, _shortened(lane.label), size=12, weight="bold")
    _beside(axes, middle - 0.19, talked, size=9.5, colour=_MUTED)
    axes.text(-0.006, high, "■", transform=axes.get_yaxis_transform(), ha="right", va="center", color=lane.colour)


def _draw_words(axes: "Axes", top: float, said: Sequence[Caption]) -> None:
    for one in said:
        axes.text(
            one.start_ms / 1000,
            top,
            "\n".join(shown(line) for line in one.lines),
            parse_math=False,
            fontsize=_WORDS_SIZE,
            color=_INK if one.final else _MUTED,
            va="top",
            clip_on=True,
            linespacing=1.05,
            zorder=3,
        )


def _draw_reference(axes: "Axes", middle: float, speaker: str, spans: Sequence[Span]) -> None:
    axes.broken_barh(_bars(spans), (middle - 0.14, 0.28), facecolor=_REFERENCE, linewidth=0, zorder=2)
    _beside(axes, middle, f"ref. {_shortened(speaker)}", size=10, colour=_MUTED)


def _beside(axes: "Axes", middle: float, text: str, size: float, weight: str = "normal", colour: str = _INK) -> None:
    """Text to the left of a lane."""
    place = axes.get_yaxis_transform()
    style = {"fontsize": size, "fontweight": weight, "color": colour}
    axes.text(-0.019, middle, shown(text), style, transform=place, ha="right", va="center", parse_math=False)


def _shortened(label: str) -> str:
    return label if len(label) <= 16 else f"{label[:15]}…"


def _heading(axes: "Axes", timeline: Timeline, summary: v1.CallSummary, height_px: float) -> None:
    figure = axes.get_figure()
    assert figure is not None
    high = 1 - 30 / height_px
    figure.text(
        0.015, high, timeline.call_id, parse_math=False, fontsize=16, fontweight="bold", color=_INK, va="center"
    )
    figures = [("length", summary.duration_ms), ("speech", summary.speech_ms), ("overlap", summary.overlap_ms)]
    figures += [("silence", summary.silence_ms), *([("lost", summary.gap_ms)] if summary.gap_ms else [])]
    words = ["" if timeline.ended else "still running", *(f"{name} {amount(ms)}" for name, ms in figures)]
    figure.text(_RIGHT, high, "     ".join(words), fontsize=11, color=_MUTED, va="center", ha="right")


def _legend(axes: "Axes", timeline: Timeline, rows_of: Sequence[Lane], height_px: float) -> None:
    """What opacity and marks mean, in one line above the lanes; only marks that occur."""
    from matplotlib.patches import Patch

    marks = [
        (any(not one.settled for lane in rows_of for one in lane.spans), _hatched("#A9B4BE", "white", "provisional")),
        (bool(timeline.gaps), _hatched(_LOST, _GAP, "lost")),
        (bool(timeline.music), Patch(facecolor=_MUSIC, label="music")),
        (bool(timeline.overlaps), Patch(facecolor="#EDEEEF", edgecolor=_INK, linewidth=0.8, label="overlap")),
    ]
    sure = [Patch(facecolor=_INK, label="sure"), Patch(facecolor=_INK, alpha=_FAINTEST, label="unsure")]
    handles = [*sure, *(handle for occurs, handle in marks if occurs)]
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(_RIGHT + 0.006, 1 - 62 / height_px),
        ncols=len(handles),
        labelcolor=_MUTED,
        frameon=False,
        fontsize=10,
        handlelength=1.2,
        columnspacing=1.6,
    )


def _hatched(face: str, lines: str, label: str) -> "Patch":
    from matplotlib.patches import Patch

    return Patch(facecolor=face, edgecolor=lines, hatch="////", linewidth=0, label=label)
