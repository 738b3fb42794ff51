"""Which windows of a call are due: after each other, of channels that are absent or come back, under overload."""

import json
from typing import Any

import pytest

from speakerline.services.embedding.plan import WindowPlan
from speakerline.shared.contract.v1 import Absence, Gap, Speech, SpeechState

OPENED, GREW, CLOSED = SpeechState.OPENED, SpeechState.GREW, SpeechState.CLOSED


def plan(channels: int = 1) -> WindowPlan:
    return WindowPlan(1000, [{}] * channels)


def speak(to: WindowPlan, state: SpeechState, start_ms: int, end_ms: int, at_ms: int, channel: int = 0) -> None:
    to.take_speech(Speech("s", channel, state, start_ms, end_ms), at_ms)


def due(of: WindowPlan) -> list[tuple[int, int, int, int]]:
    """Channel, end, where the window before ended, and where it is told, if not at its end."""
    return [(one.channel, one.end_ms, one.fresh_ms, one.at_ms) for one in of.taken()]


def leave(of: WindowPlan, start_ms: int, at_ms: int, channel: int = 0) -> None:
    of.note_absence(Absence("a", channel, start_ms, start_ms), at_ms)


def come_back(of: WindowPlan, start_ms: int, at_ms: int, channel: int = 0) -> None:
    of.note_absence(Absence("a", channel, start_ms, start_ms, over=True), at_ms)


def test_each_window_is_due_once_and_tells_where_the_one_before_it_ended() -> None:
    call = plan()
    speak(call, OPENED, 300, 450, 450)
    call.advance(2000, False)
    assert due(call) == [(0, 1000, 0, 0), (0, 2000, 1000, 0)]
    call.advance(2999, False)
    assert due(call) == []
    speak(call, CLOSED, 300, 2100, 2400)
    call.advance(9000, False)
    assert due(call) == [(0, 3000, 2000, 0)]


def test_windows_of_all_channels_come_in_the_order_of_their_ends() -> None:
    call = plan(2)
    speak(call, OPENED, 1300, 1400, 1400)
    speak(call, OPENED, 300, 1400, 900, channel=1)
    call.advance(3000, False)
    assert [(channel, end_ms) for channel, end_ms, *_ in due(call)] == [
        (1, 1000),
        (0, 2000),
        (1, 2000),
        (0, 3000),
        (1, 3000),
    ]


def left_at_1600() -> WindowPlan:
    """Channel 1 spoke from 200 ms on; its sound ends at 1600 ms, as is told at 1601."""
    call = plan(2)
    speak(call, OPENED, 200, 400, 400, channel=1)
    call.advance(1500, False)
    speak(call, CLOSED, 200, 1600, 1601, channel=1)
    leave(call, 1600, 1601, channel=1)
    return call


def test_who_leaves_has_a_last_window_up_to_where_its_sound_ends() -> None:
    call = left_at_1600()
    assert due(call) == [(1, 1000, 0, 0), (1, 1600, 1000, 2000)]
    call.advance(3000, False)
    assert due(call) == []


def test_a_window_knows_where_the_sound_of_absent_channels_ends() -> None:
    call = left_at_1600()
    assert [one.known_ms for one in call.taken()] == [(None, None)] * 2
    speak(call, OPENED, 1700, 1800, 1800)
    call.advance(2000, False)
    call.note_gap(Gap(1, 1600, 2500))
    call.note_gap(Gap(1, 1700, 2200))
    call.note_gap(Gap(0, 0, 2900))
    call.advance(3000, False)
    assert [one.known_ms for one in call.taken()] == [(None, 1600), (None, 2500)]


def test_the_sound_is_kept_from_where_an_absent_channel_ended_until_what_it_brought_late_is_told() -> None:
    call = left_at_1600()
    assert [call.sound_from_ms(through_ms) for through_ms in (1200, 5000)] == [1200, 1600]
    call.note_gap(Gap(1, 1600, 2500))
    assert call.sound_from_ms(5000) == 2500
    come_back(call, 1600, 3501, channel=1)
    assert [call.sound_from_ms(through_ms) for through_ms in (2000, 3999, 4000)] == [2000, 2500, 4000]


def test_what_was_brought_late_is_listened_to_from_where_it_was_said_and_told_at_the_next_grid_point() -> None:
    call = left_at_1600()
    call.taken()
    come_back(call, 1600, 3501, channel=1)
    speak(call, OPENED, 1700, 1800, 3501, channel=1)
    call.advance(3999, False)
    assert due(call) == [], "more of it may come until then"
    speak(call, CLOSED, 1700, 3200, 3501, channel=1)
    call.advance(4000, False)
    assert due(call) == [(1, 2000, 1600, 4000), (1, 3000, 2000, 4000), (1, 4000, 3000, 0)]


def test_others_are_listened_to_while_one_brings_what_it_said_before() -> None:
    call = plan(2)
    leave(call, 0, 100)
    come_back(call, 0, 1501)
    speak(call, OPENED, 300, 450, 450, channel=1)
    call.advance(1999, False)
    assert due(call) == [(1, 1000, 0, 0)]


def test_what_came_late_right_before_the_end_is_due_at_the_end() -> None:
    call = left_at_1600()
    call.taken()
    come_back(call, 1600, 3501, channel=1)
    speak(call, OPENED, 1700, 1800, 3501, channel=1)
    call.advance(3600, False, closed=True)
    assert [(end_ms, at_ms) for _, end_ms, _, at_ms in due(call)] == [(2000, 4000), (3000, 4000), (3600, 4000)]


def test_who_comes_back_though_nobody_told_that_it_had_left_was_away_since_its_sound_ended() -> None:
    call = plan()
    come_back(call, 700, 2500)
    assert call.sound_from_ms(2900) == 700


@pytest.mark.parametrize(
    ("first_ms", "later"), [(3000, [(6000, 3000), (7000, 6000)]), (4000, [(6000, 3000), (7000, 6000)])]
)
def test_overload_leaves_two_windows_of_three_out_however_time_passes(
    first_ms: int, later: list[tuple[int, int]]
) -> None:
    call = plan()
    speak(call, OPENED, 0, 100, 100)
    call.advance(first_ms, True)
    assert due(call) == [(0, 3000, 0, 0)]
    assert call.shed_from_ms == 0
    call.advance(6000, True)
    call.advance(7000, False)
    assert [(end_ms, fresh_ms) for _, end_ms, fresh_ms, _ in due(call)] == later


def test_a_restored_plan_goes_on_alike() -> None:
    call = left_at_1600()
    call.taken()
    speak(call, OPENED, 1800, 1900, 1900)
    call.advance(2500, True)
    call.taken()
    speak(call, CLOSED, 1800, 3300, 3400)
    come_back(call, 1600, 3501, channel=1)
    stored: list[dict[str, Any]] = json.loads(json.dumps(call.dump()))
    other = WindowPlan(1000, stored, call.shed_from_ms)
    assert other.dump() == call.dump()
    for one in (call, other):
        speak(one, OPENED, 1700, 1800, 3501, channel=1)
        one.advance(5000, True)
    assert other.taken() == call.taken() != []
    assert other.shed_from_ms == call.shed_from_ms == 1000


def test_what_an_older_version_left_has_nobody_absent() -> None:
    call = left_at_1600()
    names = ("known_ms", "back_at_ms", "back_from_ms")
    other = WindowPlan(1000, [{name: value for name, value in one.items() if name not in names} for one in call.dump()])
    assert (other.sound_from_ms(5000), call.sound_from_ms(5000)) == (5000, 1600)
