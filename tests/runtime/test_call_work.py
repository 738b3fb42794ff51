"""What a call in a worker decides: what comes next, what is promised, what is committed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.contract.v1 import CallStarted, EndReason, Speech
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import AGGREGATOR, SPEECH, TURNS, VAD, VOICES, Input, StageSpec
from speakerline.shared.runtime.call import BrokenPromise, CallWork, Unit
from speakerline.shared.runtime.log import CLOSING_ID, LAST_NUMBER, Logged
from speakerline.shared.runtime.pace import Arrival
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, Event, Frame, Step
from tests.runtime.playing import a_call

JOIN = StageSpec("join", (Input(SPEECH), Input(VOICES)), (TURNS,))


def frame(end: int, channel: int = 0, audio_at: float = 0.0) -> Logged:
    return Logged(end, 0, Frame(channel, end, b"x"), audio_at)


def closing(channel: int = 0) -> Logged:
    return Logged(LAST_POSITION, 0, AudioClosed(channel, EndReason.HANGUP))


def vad(fields: dict[str, bytes] | None = None, **call: int) -> CallWork:
    return CallWork(VAD, a_call("c", **call), fields or {})


def said(position: int) -> Event:
    return Event(SPEECH, position, Speech(start_ms=0, end_ms=position))


def ids(work: CallWork) -> list[str]:
    return [output.id for output in work.uncommitted.outputs]


def test_read_ids_run_ahead_and_the_cursor_moves_with_the_step() -> None:
    work = vad()
    work.offer(0, [frame(800), frame(1600)])
    assert (work.read, work.cursors) == ([(1600, 0)], [(0, 0)])
    unit = work.next_unit()
    assert unit is not None and len(unit.taken) == 2
    assert work.cursors == [(0, 0)]
    work.stepped(unit, Step(), 1.0)
    assert work.cursors == [(1600, 0)]


def test_a_careful_unit_is_one_entry() -> None:
    work = vad()
    work.offer(0, [frame(800), frame(1600)])
    unit = work.next_unit(careful=True)
    assert unit is not None and [logged.position for _, logged in unit.taken] == [800]


def test_audio_is_over_when_every_channel_is_closed() -> None:
    work = vad(channels=2)
    work.offer(0, [frame(800), closing()])
    first = work.next_unit()
    work.offer(1, [closing(1)])
    second = work.next_unit()
    assert first is not None and second is not None
    assert (first.through_ms, second.through_ms) == (0, FOREVER)


def test_events_at_one_position_are_numbered() -> None:
    work = vad({"through": b"0"})
    work.offer(0, [frame(800)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step([said(100), said(100), said(150)], 150), 1.0)
    assert ids(work) == ["100-0", "100-1", "150-0"]


def test_numbering_goes_on_after_a_reload() -> None:
    work = vad({"last:speech": b"100-4", "through": b"99", "cursor:audio:0": b"800-0"})
    work.offer(0, [frame(1600)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step([said(100)], 100), 1.0)
    assert ids(work) == ["100-5"]


def test_a_promise_is_written_once_it_passes_a_step_of_the_watermark() -> None:
    work = vad({"through": b"0"})
    for end_ms, expected in ((150, []), (230, [f"230-{LAST_NUMBER}"]), (390, []), (1000, [f"1000-{LAST_NUMBER}"])):
        work.uncommitted.outputs.clear()
        work.offer(0, [frame(end_ms * 8)])
        unit = work.next_unit()
        assert unit is not None
        work.stepped(unit, Step(through_ms=end_ms), 1.0)
        assert ids(work) == expected


def test_an_event_beyond_the_promise_stands_for_the_watermark() -> None:
    """A watermark after it would be refused by Redis, and the numbering would begin anew: the next event was lost."""
    work = vad({"through": b"0"})
    for end, step in ((8000, Step([said(1000)], 999)), (8800, Step([said(1000)], 1000))):
        work.offer(0, [frame(end)])
        unit = work.next_unit()
        assert unit is not None
        work.stepped(unit, step, 1.0)
    assert ids(work) == ["1000-0", "1000-1", f"1000-{LAST_NUMBER}"]


def test_the_timeline_carries_no_watermarks() -> None:
    work = CallWork(AGGREGATOR, a_call("c"), {})
    for number in range(len(work.inputs)):
        work.offer(number, [Logged(1000, LAST_NUMBER, None)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(through_ms=1000), 1.0)
    assert work.uncommitted.outputs == []


def test_the_end_closes_every_output() -> None:
    work = vad()
    work.offer(0, [closing()])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(through_ms=FOREVER), 1.0)
    assert ids(work) == [CLOSING_ID]
    assert work.finished and work.due(1.0, 9.0)


@pytest.mark.parametrize(
    ("promised", "event_at"), [(500, 500), (500, 400)], ids=["at the promise", "before the promise"]
)
def test_an_event_that_breaks_the_promise_is_an_error(promised: int, event_at: int) -> None:
    work = vad({"through": b"%d" % promised})
    work.offer(0, [frame(8000)])
    unit = work.next_unit()
    assert unit is not None
    with pytest.raises(BrokenPromise, match=f"at {event_at}, after {promised}"):
        work.stepped(unit, Step([said(event_at)], 600), 1.0)


def test_an_event_before_the_one_before_is_an_error() -> None:
    work = vad()
    work.offer(0, [frame(8000)])
    unit = work.next_unit()
    assert unit is not None
    with pytest.raises(BrokenPromise, match="at 700, after 800"):
        work.stepped(unit, Step([said(800), said(700)], 1000), 1.0)


def test_what_has_passed_is_not_told_again_after_a_reload() -> None:
    work = CallWork(JOIN, a_call("c"), {})
    work.offer(0, [Logged(400, LAST_NUMBER, None), Logged(600, 0, Event(SPEECH, 600, Speech()))])
    work.offer(1, [Logged(900, LAST_NUMBER, None)])
    unit = work.next_unit(careful=True)
    assert unit is not None and unit.through_ms == 599
    work.stepped(unit, Step(through_ms=599), 1.0)
    fields = {"passed": b"%d" % work.passed_ms, "cursor:speech": b"400-%d" % LAST_NUMBER, "through": b"599"}
    again = CallWork(JOIN, a_call("c"), fields)
    assert again.next_unit() is None
    again.offer(0, [Logged(600, 0, Event(SPEECH, 600, Speech()))])
    again.offer(1, [Logged(900, LAST_NUMBER, None)])
    unit = again.next_unit()
    assert unit is not None and unit.through_ms >= 599


@pytest.mark.parametrize(
    ("entry", "through_ms", "tick_ms", "nothing"),
    [
        pytest.param(None, 1999, 1000, True, id="time between two ticks"),
        pytest.param(None, 2000, 1000, False, id="time that reaches a tick"),
        pytest.param(said(1500), 1999, 1000, False, id="an entry"),
        pytest.param(None, 10**9, FOREVER, True, id="any time where only the end is told"),
        pytest.param(None, FOREVER, FOREVER, False, id="the end"),
    ],
)
def test_between_two_ticks_time_alone_tells_a_stage_nothing(
    entry: Event | None, through_ms: int, tick_ms: int, nothing: bool
) -> None:
    work = CallWork(JOIN, a_call("c"), {"passed": b"1000"})
    assert work.tells_nothing(Unit([(0, Logged(1500, 0, entry))], through_ms), tick_ms) is nothing
    assert not CallWork(JOIN, a_call("c"), {}).tells_nothing(Unit([], 0), tick_ms), "the first moment of a call is told"


def test_what_tells_a_stage_nothing_is_never_poison() -> None:
    work = CallWork(JOIN, a_call("c"), {"passed": b"1000"})
    assert not work.tells_nothing(Unit([(0, Logged(1500, 0, None, problem="unreadable"))], 1999), 1000)


def test_what_passes_untold_is_committed_once_in_a_while() -> None:
    work = CallWork(JOIN, a_call("c"), {"passed": b"1000", "through": b"900"})
    work.let_pass(Unit([(1, Logged(1500, LAST_NUMBER, None))], 1400), 10.0)
    assert (work.passed_ms, work.through_ms) == (1400, 900), "the stage has promised nothing"
    assert work.cursors == [(0, 0), (1500, LAST_NUMBER)]
    assert not work.due(10.2, lazy_s=0.5) and work.due(10.6, lazy_s=0.5)


def test_input_without_output_is_committed_late_and_output_at_once() -> None:
    work = vad({"through": b"0"})
    work.offer(0, [frame(800)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(), 10.0)
    assert not work.due(10.2, lazy_s=0.5)
    assert work.due(10.6, lazy_s=0.5)
    work.offer(0, [frame(1600)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step([said(200)], 200), 10.3)
    assert work.due(10.3, lazy_s=0.5)


def test_outputs_carry_the_latest_arrival_of_the_sound_they_are_about() -> None:
    work = vad()
    work.offer(0, [frame(800, audio_at=5.0), frame(1600, audio_at=6.0)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step([said(100)], 100), 1.0)
    assert work.uncommitted.outputs[0].audio_at == 6.0


def test_a_unit_tells_when_its_first_and_its_last_entry_came_and_where_they_stand() -> None:
    work = vad()
    work.offer(0, [Logged(end, 0, Frame(0, end, b"x"), arrived_at=end / 800) for end in (800, 1600, 2400)])
    unit = work.next_unit()
    assert unit is not None and unit.arrivals == (Arrival(100, 1.0), Arrival(300, 3.0))
    work = CallWork(AGGREGATOR, a_call("c"), {})
    spoken = Logged(1000, 0, said(1000), arrived_at=5.0)
    for number, source in enumerate(AGGREGATOR.inputs):
        work.offer(number, [spoken] if source.stream == SPEECH else [Logged(1000, LAST_NUMBER, None, arrived_at=7.0)])
    unit = work.next_unit()
    assert unit is not None and unit.arrivals == (Arrival(1000, 7.0), Arrival(1000, 7.0)), "words are not awaited"


def test_the_end_of_a_log_is_no_sound_that_can_be_late() -> None:
    work = vad()
    work.offer(0, [closing()])
    unit = work.next_unit()
    assert unit is not None and unit.arrivals is None


def test_a_slice_of_frames_is_as_long_as_their_sound() -> None:
    work = vad(channels=2)
    for channel in (0, 1):
        work.offer(channel, [*(frame(end, channel) for end in range(4000, 20_001, 4000)), closing(channel)])
    slices = []
    while unit := work.next_unit(span_ms=1000):
        slices.append([logged.position for _, logged in unit.taken if logged.position < LAST_POSITION])
    assert slices == [[4000, 4000, 8000, 8000, 12_000, 12_000], [16_000, 16_000, 20_000, 20_000]]
    assert work.cursors == [(0, 0), (0, 0)]


def test_a_unit_names_the_problem_of_an_unreadable_entry() -> None:
    work = CallWork(JOIN, CallStarted(call_id="c", channels=1), {})
    bad = Logged(300, 0, Event(SPEECH, 300, None), problem="end_ms 1 before start_ms 2")
    work.offer(0, [bad])
    work.offer(1, [Logged(900, LAST_NUMBER, None)])
    unit = work.next_unit()
    assert unit is not None and unit.problem == "end_ms 1 before start_ms 2"


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3), st.integers(-60, 60)), min_size=1, max_size=30))
def test_ids_of_a_stream_always_grow(steps: list[tuple[int, int, int]]) -> None:
    """Redis refuses an id that does not, and takes it for a repeat."""
    work, position = vad(), 0
    written: list[tuple[int, int]] = []
    for number, (advance, events, ahead) in enumerate(steps, 1):
        position += advance
        first = max(position, work.through_ms + 1, written[-1][0] if written else 0)
        work.offer(0, [frame(number)])
        unit = work.next_unit()
        assert unit is not None
        work.stepped(unit, Step([said(first)] * events, first + ahead), 1.0)
        for one in work.uncommitted.outputs:
            at, _, count = one.id.partition("-")
            written.append((int(at), int(count)))
        work.uncommitted.outputs.clear()
    assert written == sorted(set(written))
