"""Words beside the lanes: in a terminal, as lines, in the picture."""

import io
from typing import Any

import pytest
from matplotlib.image import imread
from rich.console import Console

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import utterances
from speakerline.tools.render.picture import draw
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.said import captions
from speakerline.tools.render.terminal import render
from tests.timeline.conversation import conversation, transcript, words_of
from tests.timeline.events import folded, numbered, turn


def drawn(timeline, now_ms, width=60, height=40, color_system=None):
    file = io.StringIO()
    console = Console(width=width, height=height, color_system=color_system, file=file, force_terminal=True)
    console.print(render(timeline, now_ms))
    return file.getvalue().splitlines()


def under(lines, label):
    """The two lines below a lane."""
    at = next(number for number, line in enumerate(lines) if line.startswith(label))
    return [line.strip() for line in lines[at + 1 : at + 3]]


def test_what_each_one_said_last_is_under_the_lane():
    lines = drawn(conversation(), 7000)
    assert under(lines, "Ann Miller") == ["We could meet", "on Monday, & talk."]
    assert under(lines, "S2") == ["Yes.", "I <think> so"]


def test_long_utterances_are_wrapped_and_the_newest_words_visible():
    told = folded([(0, turn("t", "S1", 0, 9000)), (0, transcript("w", *words_of("S1", "word " * 29 + "last", 0)))])
    lines = drawn(told, 9000)
    assert under(lines, "S1")[1].endswith("last")
    assert max(len(line) for line in lines) <= 60


def test_words_that_may_still_grow_are_dim():
    console = "".join(drawn(conversation(), 7000, color_system="truecolor"))
    assert "\x1b[2;3mI <think> so\x1b[0m" in console
    assert "\x1b[2;3mYes." not in console


def test_a_low_terminal_shows_fewer_words_rather_than_fewer_lanes():
    told: list[tuple[int, Any]] = [(0, turn(f"t{n}", f"S{n}", 0, 900)) for n in range(5)]
    told += [(0, transcript(f"w{n}", *words_of(f"S{n}", "one two", 0))) for n in range(5)]
    assert not any("two" in line for line in drawn(folded(told), 1000, height=16))
    assert sum("two" in line for line in drawn(folded(told), 1000, height=17)) == 5


def test_a_call_without_words_has_no_room_for_them():
    lines = drawn(folded([(0, turn("t1", "S1", 0, 900)), (0, turn("t2", "S2", 0, 900))]), 1000)
    assert [line[:2] for line in lines[1:3]] == ["S1", "S2"]


def test_music_is_marked():
    lines = drawn(folded([(0, turn("t1", "S1", 0, 900)), (0, v1.Music(start_ms=1000, end_ms=2000))]), 2000)
    assert next(line for line in lines if line.startswith("music")).split() == ["music", "♪♪"]


def plain(bodies):
    timeline, log, lines = Timeline("c1"), PlainLog(), []
    for event in numbered(bodies):
        timeline.apply(event)
        lines += log.lines(event, timeline)
    return lines


def test_a_line_for_each_final_utterance():
    both = [*words_of("S1", "Hello there.", 12_300), *words_of("S2", "Hi.", 13_000)]
    assert plain([
        (13_000, transcript("w1", *both[:1], final=False)),
        (14_000, transcript("w1", *both, revision=2)),
    ]) == ["   0:12.3    0:12.8  S1: Hello there.", "   0:13.0    0:13.2  S2: Hi."]  # fmt: skip


def test_words_that_moved_are_told_again_once_that_is_settled():
    said = words_of("S1", "Hello there.", 0)
    moved = transcript("w1", *words_of("S2", "Hello there.", 0), revision=2)
    told = [(0, transcript("w1", *said)), (1, moved)]
    assert plain(told) == ["   0:00.0    0:00.5  S1: Hello there."]
    settled = [(2, v1.Finalized(through_ms=9000)), (3, v1.Finalized(through_ms=9900))]
    assert plain([*told, *settled])[1:] == ["   0:00.0    0:00.5  S2: Hello there.  (revised)"]


def dark(png):
    """How many pixels are nearly black, as letters are."""
    return int((imread(io.BytesIO(png))[:, :, :3].max(axis=2) < 0.25).sum())


def test_the_picture_has_the_words_and_room_for_them():
    said = conversation()
    silent = folded((0, one) for one in said.turns.values())
    with_words, without = draw(said, 7000), draw(silent, 7000)
    assert imread(io.BytesIO(with_words)).shape[0] > imread(io.BytesIO(without)).shape[0]
    assert dark(with_words) > dark(without) + 200


def test_a_picture_of_a_long_call_has_no_words():
    said = [(n, transcript(f"w{n}", *words_of("S1", "something or other", 9000 * n))) for n in range(400)]
    turns = [(0, turn("t", "S1", 0, 3_600_000))]
    heights = [imread(io.BytesIO(draw(folded(bodies), 3_600_000))).shape[0] for bodies in (turns, [*turns, *said])]
    assert heights[0] == heights[1]


@pytest.mark.parametrize(
    ("px_per_ms", "lines"),
    [
        pytest.param(1.0, ["one two three four five"], id="room for all of it"),
        pytest.param(0.1, ["one two three", "four five"], id="wrapped to its own time"),
        pytest.param(0.06, ["one two", "three…"], id="shortened"),
        pytest.param(0.002, None, id="no room for a word"),
    ],
)
def test_words_are_fitted_into_the_time_that_there_is(px_per_ms, lines):
    told = folded([(0, transcript("w", *words_of("S1", "one two three four five", 0)))])
    found = captions(utterances(told), 1500, px_per_ms, 10.0, 2)
    assert [list(one.lines) for one in found] == ([lines] if lines else [])
