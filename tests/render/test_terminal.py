"""The live view, drawn on a console of text."""

import io

import pytest
from rich.console import Console

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.render.lanes import lanes
from speakerline.tools.render.plain import PlainLog
from speakerline.tools.render.terminal import render
from speakerline.tools.render.view import CallView
from tests.timeline.events import folded, numbered, sample_timeline, talk, turn


def drawn(timeline, now_ms, duration_ms=None, width=80):
    file = io.StringIO()
    console = Console(width=width, color_system=None, file=file, force_terminal=True)
    console.print(render(timeline, now_ms, duration_ms))
    return file.getvalue().splitlines()


def row(lines, label):
    return next(line for line in lines if line.startswith(label))[13:-17]


def test_a_lane_a_speaker_with_talk_time_a_clock_and_a_progress_bar():
    lines = drawn(sample_timeline(), 20_000, 40_000)
    assert lines[0].split() == ["c1", "●", "live", "0:20", "/", "0:40"]
    assert lines[1] == "━" * 40 + "─" * 40
    assert lines[2].startswith("S1 ")
    assert lines[2].endswith("8.2 s   59 %")
    assert row(lines, "S1")[13:15] == "█ "
    assert row(lines, "S1")[17] == "█"


def test_what_may_change_looks_different_from_what_is_settled_and_from_nobody():
    told = [(0, turn("a", "S1", 0, 1000)), (0, turn("b", "S1", 1000, 2000, provisional=True))]
    lines = drawn(folded([*told, (0, turn("c", "", 2000, 3000))]), 3000)
    assert row(lines, "S1").rstrip() == "██▒▒"
    assert row(lines, "unknown").rstrip() == "    ░░"


def test_speech_is_seen_before_anybody_says_who_it_is():
    opened = v1.Speech(segment_id="a", state=v1.SpeechState.OPENED, start_ms=1000, end_ms=1100)
    timeline = folded([(1100, opened), (1500, turn("t", "S1", 1000, 1500, provisional=True))])
    lines = drawn(timeline, 3000)
    assert row(lines, "S1").rstrip() == "  ▒"
    assert row(lines, "unknown").rstrip() == "   ░░░"


def test_speech_in_which_nobody_was_found_goes_when_that_is_final():
    heard = v1.Speech(segment_id="a", state=v1.SpeechState.CLOSED, start_ms=0, end_ms=2500)
    told = [(2500, heard), (2500, turn("t", "S1", 500, 1500))]

    def unknown(through_ms):
        timeline = folded([*told, (2500, v1.Finalized(through_ms=through_ms))])
        spans = [lane.spans for lane in lanes(timeline, 3000) if not lane.speaker_id]
        return [(one.start_ms, one.end_ms) for lane in spans for one in lane]

    assert unknown(0) == [(0, 500), (1500, 2500)]
    assert unknown(2000) == [(2000, 2500)]
    assert unknown(2500) == []


def test_overlap_and_loss_are_marked():
    marks = [(0, v1.Overlap(overlap_id="o", start_ms=1000, end_ms=2000)), (0, v1.Gap(start_ms=2000, end_ms=3000))]
    lines = drawn(folded([*marks, *talk(("S1", 0, 1000))]), 3000)
    assert row(lines, "overlap").rstrip() == "  ▄▄"
    assert row(lines, "lost").rstrip() == "    ╳╳"


def test_a_long_call_scrolls():
    lines = drawn(folded(talk(("S1", 0, 5000), ("S1", 599_000, 600_000))), 600_000)
    assert row(lines, "S1") == " " * 47 + "██"
    assert "9:40" in lines[-1]
    assert "0:05" not in lines[-1]


@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_is_wider_than_the_terminal(width):
    named = (30_000, v1.SpeakerNamed(speaker_id="S1", name="A name beyond all measure"))
    timeline = folded([*talk(*[(f"S{n}", 1000 * n, 1000 * n + 900) for n in range(1, 6)]), named])
    assert max(len(line) for line in drawn(timeline, 30_000, 60_000, width)) <= width


def test_a_speaker_without_turns_has_no_lane():
    created = [(0, v1.SpeakerCreated(speaker_id=one)) for one in ("S1", "S2")]
    timeline = folded([*created, (1000, turn("t", "S2", 0, 1000))])
    assert [lane.label for lane in lanes(timeline, 1000)] == ["S2"]


def plain(bodies):
    timeline, log, lines = Timeline("c1"), PlainLog(), []
    for event in numbered(bodies):
        timeline.apply(event)
        lines += [" ".join(line.split()) for line in log.lines(event, timeline)]
    return lines


def test_plain_lines_tell_a_turn_when_it_is_settled_and_again_when_it_changes():
    assert plain([
        (0, v1.CallStarted(call_id="c1")),
        (900, turn("a", "S1", 0, 900, provisional=True)),
        (1900, turn("b", "S2", 1000, 1900, provisional=True)),
        (5000, v1.Finalized(through_ms=1500)),
        (6000, v1.Finalized(through_ms=1600)),
        (6100, v1.SpeakerNamed(speaker_id="S1", name="Ada", confidence=0.9)),
        (6200, v1.Gap(start_ms=2000, end_ms=2500, reason=v1.GapReason.LOST)),
        (7000, turn("a", "S2", 0, 900, revision=2)),
        (8000, v1.CallEnded(end_ms=8000)),
    ]) == [
        "0:00 call c1 started",
        "0:00.0 0:00.9 S1",
        "0:06 S1 is Ada (90 %)",
        "0:06 lost 0:02.0 to 0:02.5: lost",
        "0:00.0 0:00.9 S2 (revised)",
        "0:01.0 0:01.9 S2",
        "0:08 call ended after 0:08",
    ]  # fmt: skip


def show_all(console, bodies):
    timeline = Timeline("c1")
    with CallView(console, timeline) as view:
        for event in numbered(bodies):
            timeline.apply(event)
            view.show(event.at_ms, event)
    return console.file.getvalue()


def test_without_a_terminal_there_are_lines_and_no_control_codes():
    text = show_all(Console(file=io.StringIO(), force_terminal=False), talk(("S1", 0, 1000), ("S2", 1000, 2000)))
    assert [line.split() for line in text.splitlines()] == [["0:00.0", "0:01.0", "S1"], ["0:01.0", "0:02.0", "S2"]]


def test_on_a_terminal_the_last_picture_stays():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    text = show_all(console, talk(("S1", 0, 1000), ("S2", 1000, 2000)))
    assert "██" in text.splitlines()[-3]


def test_the_ruler_has_whole_times_only():
    lines = drawn(folded(talk(("S1", 0, 5000), ("S1", 39_000, 40_000))), 40_000)
    assert lines[-1].split() == ["0:20", "0:25", "0:30", "0:35"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_call_that_is_joined_is_seen_as_it_stands_before_anything_new_comes(ended):
    told = talk(("S1", 0, 5000), ("S1", 39_000, 40_000))
    end = [(40_000, v1.CallSummary(duration_ms=40_000)), (40_000, v1.CallEnded(end_ms=40_000))]
    timeline = folded([*told, *end] if ended else told)
    file = io.StringIO()
    with CallView(Console(width=80, color_system=None, file=file, force_terminal=True), timeline):
        first = file.getvalue()
    assert first.splitlines()[0].split()[-1] == "0:40"
    assert "0:35" in first
