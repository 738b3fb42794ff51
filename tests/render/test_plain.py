"""Plain lines of a long call: each event costs what it changes, and tells what a look at the whole call would."""

from itertools import chain

import pytest
from hypothesis import given, settings

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.render.plain import PlainLog
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import numbered, turn
from tests.timeline.strategies import timeline_bodies


class Rescanning(PlainLog):
    """Looks at all turns and words again whenever something is settled."""

    def lines(self, event, timeline):
        self._labels = None
        return super().lines(event, timeline)


def told(log, bodies):
    timeline, lines = Timeline("c1"), []
    for event in numbered(bodies):
        timeline.apply(event)
        lines.append(log.lines(event, timeline))
    return lines


@given(bodies=timeline_bodies())
@settings(deadline=None)
def test_nothing_is_missed_that_a_look_at_the_whole_call_would_find(bodies):
    assert told(PlainLog(), bodies) == told(Rescanning(), bodies)


def test_a_name_that_is_heard_late_is_told_for_everything_said_before():
    call = [
        (1000, turn("t", "S1", 0, 900)),
        (1000, transcript("w", *words_of("S1", "Hello.", 0))),
        (2000, v1.Finalized(through_ms=1000)),
        (3000, v1.SpeakerNamed(speaker_id="S1", name="Ada", confidence=0.9)),
        (4000, v1.Finalized(through_ms=2000)),
    ]
    assert [" ".join(line.split()) for line in told(PlainLog(), call)[-1]] == [
        "0:00.0 0:00.9 Ada (revised)",
        "0:00.0 0:00.2 Ada: Hello. (revised)",
    ]


def test_a_turn_has_its_id_behind_it_where_that_is_asked_for():
    call = [(1000, turn("c0-7", "S1", 0, 900)), (1000, v1.Finalized(through_ms=1000))]
    assert [*chain(*told(PlainLog(with_ids=True), call))] == ["   0:00.0    0:00.9  S1  [c0-7]"]
    assert [*chain(*told(PlainLog(), call))] == ["   0:00.0    0:00.9  S1"]


def test_the_work_grows_with_the_call_and_not_with_its_square():
    looked = 0

    class Counting(Timeline):
        def settled(self, one):
            nonlocal looked
            looked += 1
            return super().settled(one)

    def looks(count):
        nonlocal looked
        looked, log, timeline = 0, PlainLog(), Counting("c1")
        turns = [(1000 * n, turn(f"t{n}", "S1", 1000 * n, 1000 * n + 900, provisional=True)) for n in range(count)]
        settled = [(at_ms, v1.Finalized(through_ms=at_ms - 3000)) for at_ms, _ in turns[3:]]
        for event in numbered(sorted([*turns, *settled], key=lambda one: one[0])):
            timeline.apply(event)
            log.lines(event, timeline)
        return looked

    assert looks(400) < 2.5 * looks(200)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param({}, ["0:12           2 of 3 voices separated from 0:10.0 to 0:11.2"], id="three, a model for two"),
        pytest.param({"voices": 2}, [], id="all of them"),
        pytest.param({"revision": 2}, [], id="told before"),
        pytest.param(
            {"outcome": v1.SeparationOutcome.FAILED, "sources": [], "detail": "no answer for 10 s"},
            ["0:12           voices not separated (no answer for 10 s) from 0:10.0 to 0:11.2"],
            id="a model that failed",
        ),
        pytest.param({"outcome": v1.SeparationOutcome.OFF, "sources": []}, [], id="nothing is configured"),
    ],
)
def test_voices_that_could_not_be_lifted_out_are_told(fields, line):
    one = {"revision": 1, "voices": 3, "outcome": v1.SeparationOutcome.SEPARATED, "sources": [v1.SpeakerSource()] * 2}
    separated = v1.Separated(separation_id="X1", start_ms=10_000, end_ms=11_200, **{**one, **fields})
    assert [text.strip() for text in told(PlainLog(), [(12_000, separated)])[0]] == line


def test_overload_is_told_with_what_it_took():
    ((line,),) = told(PlainLog(), [(3000, v1.Degraded(500, 2900, "asr", "no interim words"))])
    assert line.split(maxsplit=1)[1] == "asr did less from 0:00.5 to 0:02.9: no interim words"


def test_a_timeline_that_restarts_is_told_once_and_goes_on():
    timeline, log = Timeline("c1"), PlainLog()
    old, new = turn("t", "S1", 0, 900), turn("u", "S2", 0, 700)
    bodies = [(1000, old), (1000, transcript("w", *words_of("S1", "Hello.", 0))), (1100, v1.Finalized(through_ms=1000))]
    for event in numbered(bodies):
        timeline.apply(event)
        log.lines(event, timeline)
    snapshot = v1.Snapshot("c1", 2, 800, turns=[new])
    events = [v1.TimelineEvent("c1", 2, 800, restarted=snapshot), v1.TimelineEvent("c1", 3, 900)]
    events[1].finalized = v1.Finalized(through_ms=800)
    lines = []
    for event in events:
        timeline.apply(event)
        lines += log.lines(event, timeline)
    assert [" ".join(line.split()) for line in lines] == [
        "0:00 events were lost: the timeline goes on from here",
        "0:00.0 0:00.7 S2",
    ]


def test_who_joins_a_call_is_told_nothing_of_a_loss():
    timeline, log = Timeline("c1"), PlainLog()
    snapshot = v1.Snapshot("c1", 9, 800, turns=[turn("u", "S2", 0, 700)], ended=True, end_reason=v1.EndReason.HANGUP)
    event = v1.TimelineEvent("c1", 9, 800, restarted=snapshot)
    timeline.apply(event)
    assert [" ".join(line.split()) for line in log.lines(event, timeline)] == [
        "0:00.0 0:00.7 S2",
        "0:00 call ended after 0:00",
    ]
