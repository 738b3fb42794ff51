"""The merge: one order, whatever the arrival."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.contract.v1 import Speech
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import SPEECH, WORDS, Input, Stream
from speakerline.shared.runtime.log import LAST_NUMBER, Logged
from speakerline.shared.runtime.merge import Merge
from speakerline.shared.runtime.stage import Event


def event(position: int, number: int = 0, name: str = "") -> Logged:
    return Logged(position, number, Event(SPEECH, position, Speech(name)))


def watermark(position: int) -> Logged:
    return Logged(position, LAST_NUMBER, None)


CLOSING = Logged(LAST_POSITION, 0, None)


def merged(merge: Merge) -> tuple[list[tuple[int, int]], int]:
    taken, through = merge.take(100)
    return [(number, one.position) for number, one in taken], through


def test_an_entry_waits_for_an_input_that_may_still_bring_an_earlier_one() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"))], [(0, 0), (0, 0)])
    merge.offer(0, [event(100)])
    assert merged(merge) == ([], -1)
    merge.offer(1, [watermark(99)])
    assert merged(merge) == ([(1, 99), (0, 100)], 99)


def test_at_equal_positions_the_first_input_passes_first() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"))], [(0, 0), (0, 0)])
    merge.offer(1, [event(100), watermark(200)])
    assert merged(merge) == ([], -1), "input 0 may still bring an entry at 100"
    merge.offer(0, [event(100), watermark(200)])
    assert merged(merge)[0] == [(0, 100), (1, 100), (0, 200), (1, 200)]


def test_the_first_input_does_not_wait_for_equal_positions_of_a_later_one() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"))], [(0, 0), (0, 0)])
    merge.offer(0, [event(100)])
    merge.offer(1, [event(99), event(100)])
    assert merged(merge)[0] == [(1, 99), (0, 100)]


def test_a_delay_moves_an_input_later() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"), 200)], [(0, 0), (0, 0)])
    merge.offer(0, [event(100), event(250), watermark(400)])
    assert merged(merge)[0] == [(0, 100)], "the other input can't bring anything before its delay"
    merge.offer(1, [event(40), watermark(100)])
    assert merged(merge)[0] == [(1, 40), (0, 250), (1, 100)]


def test_several_events_at_one_position_keep_their_order_and_hold_the_promise_back() -> None:
    merge = Merge([Input(Stream("a"))], [(0, 0)])
    merge.offer(0, [event(100, 0), event(100, 1)])
    taken, through = merge.take(1)
    assert (taken[0][1].number, through) == (0, 99)
    taken, through = merge.take(1)
    assert (taken[0][1].number, through) == (1, 99), "more may follow at 100"


def test_when_all_inputs_are_closed_nothing_follows() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"), 200)], [(0, 0), (0, 0)])
    merge.offer(0, [CLOSING])
    assert merged(merge)[1] == 199
    merge.offer(1, [CLOSING])
    assert merged(merge) == ([(0, LAST_POSITION), (1, LAST_POSITION)], LAST_POSITION)


def test_the_end_comes_along_with_the_last_entry() -> None:
    """Else a stage would hear that all time has passed, and only then that nothing follows."""
    merge = Merge([Input(Stream("a")), Input(Stream("b"), 200)], [(0, 0), (0, 0)])
    merge.offer(0, [event(100), CLOSING])
    merge.offer(1, [CLOSING])
    assert merge.take(1)[1] == LAST_POSITION
    merge = Merge([Input(Stream("a"))], [(0, 0)])
    merge.offer(0, [event(100), event(150), CLOSING])
    assert merge.take(1)[1] == 149
    merge.offer(0, [])
    assert merge.take(1)[1] == LAST_POSITION


def test_a_cursor_says_as_much_as_the_entry_it_stands_on() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"))], [(500, LAST_NUMBER), (300, 2)])
    assert merged(merge) == ([], 299)


streams = st.lists(st.integers(0, 40), max_size=12).map(sorted)


sources = st.lists(st.tuples(streams, st.integers(0, 10), st.booleans()), min_size=2, max_size=4)


@given(sources, st.data())
def test_any_arrival_and_any_cut_give_the_same_order(
    drawn: list[tuple[list[int], int, bool]], data: st.DataObject
) -> None:
    """Of inputs that are awaited; what is not awaited keeps its own order, and passes at once."""
    inputs = [
        Input(Stream(f"{number}"), delay, number == 0 or awaited) for number, (_, delay, awaited) in enumerate(drawn)
    ]
    logs = [[event(position, number) for number, position in enumerate(one)] + [CLOSING] for one, _, _ in drawn]
    merge = Merge(inputs, [(0, 0)] * len(inputs))
    sent, passed = [0] * len(logs), -1
    seen: list[tuple[int, Logged]] = []

    def place(source: int, logged: Logged) -> int:
        return min(logged.position + inputs[source].delay_ms, LAST_POSITION)

    while unsent := [source for source, log in enumerate(logs) if sent[source] < len(log)]:
        source = data.draw(st.sampled_from(unsent))
        count = data.draw(st.integers(1, len(logs[source]) - sent[source]))
        merge.offer(source, logs[source][sent[source] : sent[source] + count])
        sent[source] += count
        taken = [(0, CLOSING)]
        while taken:
            taken, through = merge.take(data.draw(st.integers(1, 5)))
            awaited = [one for one in taken if inputs[one[0]].awaited]
            assert all(place(*one) > passed for one in awaited), "an entry came after the promise that none does"
            passed = max(passed, through)
            seen += taken
            assert (passed == LAST_POSITION) == (len(seen) == sum(len(log) for log in logs))
        waiting = [merge.waiting_of(number) for number, one in enumerate(inputs) if not one.awaited]
        assert not any(waiting), "what is not awaited passes at once"
    for source, log in enumerate(logs):
        assert [logged for number, logged in seen if number == source] == log
    expected = sorted(
        (place(source, logged), source, at)
        for source, log in enumerate(logs)
        for at, logged in enumerate(log)
        if inputs[source].awaited
    )
    in_order = [(place(*one), one[0]) for one in seen if inputs[one[0]].awaited]
    assert in_order == [(at, source) for at, source, _ in expected]


def test_nothing_waits_for_an_input_that_is_not_awaited_but_the_end() -> None:
    merge = Merge([Input(Stream("a")), Input(WORDS, awaited=False)], [(0, 0), (0, 0)])
    merge.offer(0, [event(100), watermark(300)])
    assert merged(merge) == ([(0, 100), (0, 300)], 300)
    merge.offer(1, [event(50)])
    assert merged(merge) == ([(1, 50)], 300), "an event of long ago passes, and no promise is taken back"
    merge.offer(0, [CLOSING])
    taken, through = merged(merge)
    assert taken == [(0, LAST_POSITION)]
    assert through < LAST_POSITION, "words may still come"
    merge.offer(1, [event(60), CLOSING])
    assert merged(merge) == ([(1, 60), (1, LAST_POSITION)], LAST_POSITION)


@pytest.mark.parametrize("at_most", [1, 3])
def test_no_more_is_taken_than_asked_for(at_most: int) -> None:
    merge = Merge([Input(Stream("a"))], [(0, 0)])
    merge.offer(0, [event(at) for at in range(10)])
    assert len(merge.take(at_most)[0]) == at_most
    assert len(merge) == merge.waiting_of(0) == 10 - at_most


@pytest.mark.parametrize(
    ("told", "waiting", "quiet_ms"),
    [
        pytest.param([watermark(999)], [], 1199, id="as far as the input that is answered, and its delay"),
        pytest.param([watermark(999)], [event(700)], 1199, id="whatever waits of the other"),
        pytest.param([event(600), watermark(999)], [], 799, id="to what waits to be answered"),
        pytest.param([CLOSING], [], LAST_POSITION, id="for ever once it is closed"),
    ],
)
def test_quiet_are_inputs_that_are_answered(told: list[Logged], waiting: list[Logged], quiet_ms: int) -> None:
    merge = Merge([Input(Stream("a"), answered=False), Input(Stream("b"), 200)], [(0, 0), (0, 0)])
    merge.offer(0, [watermark(500)])
    merge.offer(1, [watermark(100)])
    assert merged(merge)[1] == 300
    merge.offer(0, waiting)
    merge.offer(1, told)
    assert merge.quiet_ms == quiet_ms


def came(position: int, arrived_at: float) -> Logged:
    return Logged(position, 0, Event(SPEECH, position, Speech()), arrived_at=arrived_at)


def test_what_waits_for_another_input_has_arrived_with_that() -> None:
    merge = Merge([Input(Stream("a")), Input(Stream("b"), 200)], [(0, 0), (0, 0)])
    merge.offer(0, [came(100, 5.0), came(900, 6.0)])
    merge.offer(1, [came(600, 9.0)])
    taken, _ = merge.take(100)
    assert [(one.position, one.arrived_at) for _, one in taken] == [(100, 9.0), (600, 9.0)]
    merge.offer(1, [came(800, 7.0)])
    assert [(one.position, one.arrived_at) for _, one in merge.take(100)[0]] == [(900, 7.0)]


def test_what_is_not_awaited_arrives_when_it_comes() -> None:
    merge = Merge([Input(Stream("a")), Input(WORDS, awaited=False)], [(0, 0), (0, 0)])
    merge.offer(1, [came(100, 5.0)])
    merge.offer(0, [came(100, 9.0)])
    assert [(number, one.arrived_at) for number, one in merge.take(100)[0]] == [(1, 5.0), (0, 9.0)]


def test_a_slice_is_as_long_as_its_sound_and_one_entry_at_least() -> None:
    merge = Merge([Input(Stream("a"))], [(0, 0)])
    merge.offer(0, [event(100), event(600), event(1100), event(1101), event(9000), CLOSING])
    assert [merged_slice(merge) for _ in range(4)] == [
        ([100, 600, 1100], 1100),
        ([1101], 8999),
        ([9000, LAST_POSITION], LAST_POSITION),
        ([], LAST_POSITION),
    ]


def merged_slice(merge: Merge) -> tuple[list[int], int]:
    taken, through = merge.take(100, 1000)
    return [one.position for _, one in taken], through
