"""The aggregator, fed as the runtime feeds it."""

import asyncio

import betterproto2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakerline.services.aggregator.stage import SUMMARY_EVERY_MS, AggregatorStage
from speakerline.shared import codec
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import AGGREGATOR, LABEL_DELAY_MS, OVERLAPS, SPEECH, TIMELINE, TURNS, WORDS
from speakerline.shared.runtime.check_stage import check_stage
from speakerline.shared.runtime.recording import Recording
from speakerline.shared.runtime.stage import FOREVER, Event
from speakerline.shared.timeline.parts import read_snapshot
from speakerline.shared.timeline.timeline import Timeline
from tests.no_sound import NoSound
from tests.timeline.events import turn
from tests.timeline.strategies import overlap_bodies, speech_bodies, turn_bodies, word_bodies

CALL = v1.CallStarted(call_id="c1", sample_rate=8000, encoding=v1.Encoding.MULAW, channels=1)
DELAY_MS = {source.stream: source.delay_ms for source in AGGREGATOR.inputs}


def place(entry):
    return entry.position + DELAY_MS[entry.stream]


def opened(parts=None):
    return AggregatorStage().open(CALL, parts or {}, NoSound())


def push(stage, entries, through_ms):
    return [event.body for event in asyncio.run(stage.push(entries, through_ms)).events]


def speech(at_ms, state, end_ms=None):
    body = v1.Speech(segment_id="a", state=state, start_ms=0, end_ms=at_ms if end_ms is None else end_ms)
    return Event(SPEECH, at_ms, body)


def turn_entry(at_ms, *told, **more):
    return Event(TURNS, at_ms, turn(*told, **more))


def ended(at_ms):
    return Event(SPEECH, at_ms, v1.AudioEnded(end_ms=at_ms, reason=v1.EndReason.HANGUP))


def test_an_absence_is_told_once_and_at_once_though_separation_is_told_of_it_too():
    absence = v1.Absence(absence_id="a0-1", start_ms=400, end_ms=400)
    told = push(opened(), [Event(SPEECH, 500, absence), Event(OVERLAPS, 1000, absence)], 2000)
    assert [(event.at_ms, event.absence) for event in told if event.absence] == [(500, absence)]


@st.composite
def calls(draw):
    """The entries of a call in merged order, AudioEnded among them."""
    sources = st.one_of(
        st.tuples(st.just(SPEECH), speech_bodies),
        st.tuples(st.just(OVERLAPS), overlap_bodies),
        st.tuples(st.just(TURNS), turn_bodies),
        st.tuples(st.just(WORDS), word_bodies),
    )
    drawn = draw(st.lists(st.tuples(st.integers(0, 100_000), sources), max_size=40))
    entries = [Event(stream, at_ms, body) for at_ms, (stream, body) in drawn]
    return sorted([*entries, ended(100_000)], key=place)


@settings(max_examples=8, deadline=None)
@given(calls())
def test_it_keeps_every_rule_of_a_stage(entries):
    recording = Recording(CALL, entries, NoSound())
    asyncio.run(check_stage(AggregatorStage(), AGGREGATOR, recording, cuts=2, skips=3))


@given(calls())
def test_subscribers_can_fold_what_is_published_and_the_parts_say_the_same(entries):
    stage = opened()
    timeline = Timeline("c1")
    for event in push(stage, entries, FOREVER):
        timeline.apply(codec.read(TIMELINE, codec.write(TIMELINE, event)))
    assert timeline.snapshot() == read_snapshot(stage.snapshot())
    assert timeline.ended


@given(calls())
def test_seq_has_no_hole_and_time_never_goes_back(entries):
    step = asyncio.run(opened().push(entries, FOREVER))
    assert [event.position for event in step.events] == list(range(1, len(step.events) + 1))
    times = [event.body.at_ms for event in step.events]
    assert times == sorted(times)
    assert step.through_ms == FOREVER


def test_a_call_from_start_to_end():
    entries = [
        speech(400, v1.SpeechState.OPENED),
        speech(900, v1.SpeechState.GREW),
        turn_entry(1000, "t1", "S1", 0, 1000),
        speech(1500, v1.SpeechState.CLOSED),
        ended(2000),
        Event(TURNS, 2000, v1.Finalized(through_ms=2000)),
    ]
    events = push(opened(), entries, FOREVER)
    told = [betterproto2.which_one_of(event, "kind")[0] for event in events]
    assert told == ["call_started", "speech", "turn", "speech", "finalized", "call_summary", "call_ended"]
    assert [event.at_ms for event in events] == [0, 400, 1000 + LABEL_DELAY_MS, 1500, 2000, 2000, 2000]
    assert events[-2].call_summary.duration_ms == 2000
    assert events[-1].call_ended == v1.CallEnded(end_ms=2000, reason=v1.EndReason.HANGUP)


def test_the_call_is_announced_at_the_first_push_even_without_entries():
    stage = opened()
    assert [(event.at_ms, event.call_started) for event in push(stage, [], 400)] == [(0, CALL)]
    assert push(stage, [], 500) == []


def test_statistics_come_before_the_first_entry_beyond_every_thirty_seconds():
    ends = [10_000, 31_000, 32_000, 95_000]
    entries = [turn_entry(end, f"t{end}", "S1", end - 1000, end) for end in ends]
    events = push(opened(), entries, 96_000)
    summaries = [(event.at_ms, event.call_summary.speakers[0].talk_ms) for event in events if event.call_summary]
    assert summaries == [(31_200, 1000), (95_200, 3000)]
    assert SUMMARY_EVERY_MS == 30_000


def test_speech_that_only_grows_still_brings_statistics():
    events = push(opened(), [speech(10, v1.SpeechState.OPENED), speech(30_100, v1.SpeechState.GREW)], 30_100)
    assert [event.at_ms for event in events if event.call_summary] == [30_100]


def test_a_kind_of_a_newer_version_is_passed_over():
    assert len(push(opened(), [Event(TURNS, 5, None)], 5)) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(turn_entry(5000, "t1", "S1", 3000, 4000, channel=1), (1, 3000, 4000), id="the turn it spoke of"),
        pytest.param(Event(TURNS, 5000, None), (0, 5200, 5200), id="the moment of an entry that can't be read"),
        pytest.param(None, (0, 0, 0), id="the last event where time alone made it fail"),
    ],
)
def test_what_is_skipped_becomes_a_gap(entry, expected):
    step = asyncio.run(opened().skip(entry, 5300, "boom"))
    gap = step.events[-1].body.gap
    assert (gap.channel, gap.start_ms, gap.end_ms) == expected
    assert (gap.reason, gap.stage, gap.detail) == (v1.GapReason.POISON, "aggregator", "boom")
    assert step.events[0].body.call_started


def test_a_call_whose_end_makes_it_fail_ends_without_statistics():
    stage = opened()
    push(stage, [ended(10)], 10)
    published = [event.body for event in asyncio.run(stage.skip(None, FOREVER, "boom")).events]
    assert published[0].gap
    assert published[1].call_ended.end_ms == 10


def test_an_hour_rewrites_little_at_each_step():
    stage = opened()
    push(stage, [], 0)
    entries = [turn_entry(2000 * n, f"t{n}", f"S{n % 2}", 2000 * n, 2000 * n + 1900) for n in range(1800)]
    push(stage, entries, entries[-1].position)
    before = stage.snapshot()
    push(stage, [turn_entry(3_600_000, "t1799", "S2", 3_598_000, 3_600_000, revision=2)], 3_600_000)
    after = stage.snapshot()
    changed = [name for name in after if after[name] != before.get(name)]
    assert sum(len(after[name]) for name in changed) < 5000


@pytest.mark.parametrize(("at_ms", "told"), [(29_999, ["speech"]), (30_000, ["call_summary", "speech"])])
def test_the_statistics_of_half_a_minute_come_with_what_is_not_within_it(at_ms, told):
    stage = opened()
    push(stage, [], 0)
    events = push(stage, [speech(at_ms, v1.SpeechState.OPENED)], at_ms)
    assert [betterproto2.which_one_of(event, "kind")[0] for event in events] == told
    assert {event.at_ms for event in events} == {at_ms}


def test_when_the_audio_has_ended_only_the_last_statistics_are_left():
    stage = opened()
    push(stage, [speech(10, v1.SpeechState.OPENED), ended(29_000)], 29_000)
    late = push(opened(stage.snapshot()), [Event(TURNS, 61_000, v1.Finalized(through_ms=61_000))], FOREVER)
    assert [betterproto2.which_one_of(event, "kind")[0] for event in late] == [
        "finalized",
        "call_summary",
        "call_ended",
    ]
    assert {event.at_ms for event in late} == {29_000}
    assert late[-2].call_summary.duration_ms == 29_000
    assert late[-1].call_ended == v1.CallEnded(end_ms=29_000, reason=v1.EndReason.HANGUP)


def test_a_call_whose_end_is_not_told_ends_with_its_last_event():
    *_, summary, last = push(opened(), [turn_entry(1000, "t1", "S1", 0, 1000)], FOREVER)
    assert summary.call_summary.duration_ms == last.call_ended.end_ms == last.at_ms == 1000 + LABEL_DELAY_MS


def test_statistics_are_those_before_the_entry_that_brings_them():
    entries = [turn_entry(10_000, "t1", "S1", 0, 10_000), turn_entry(40_000, "t2", "S1", 30_000, 40_000)]
    summaries = [event.call_summary for event in push(opened(), entries, 41_000) if event.call_summary]
    assert [(one.duration_ms, one.speakers[0].talk_ms) for one in summaries] == [(40_000 + LABEL_DELAY_MS, 10_000)]


def test_events_are_numbered_on_after_a_restart():
    stage = opened()
    push(stage, [speech(10, v1.SpeechState.OPENED)], 10)
    step = asyncio.run(opened(stage.snapshot()).push([speech(90, v1.SpeechState.CLOSED)], 90))
    assert [(event.position, event.body.seq, event.body.call_id) for event in step.events] == [(3, 3, "c1")]
