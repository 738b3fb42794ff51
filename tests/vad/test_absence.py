"""A channel that brings nothing holds nobody up, and what it brings late is heard."""

from itertools import islice
from random import Random

import pytest

from speakerline.services.vad.awaiting import Awaiting
from speakerline.shared.contract.v1 import Absence, Dtmf, Gap, Idle, Speech, SpeechState
from speakerline.shared.runtime.stage import AudioIdle, Entry, KeyPress
from tests.bodies import body
from tests.vad.listening import Call, Loud

STEP = 100


def spoken(call: Call, start_ms: int, end_ms: int, channel: int = 0, level: float = 0.5) -> list[Entry]:
    """Frames of 100 ms."""
    return [call.frame(at, at + STEP, level, channel) for at in range(start_ms, end_ms, STEP)]


def absences(call: Call) -> list[tuple[str, int, int, bool]]:
    return [(one.absence_id, one.start_ms, one.end_ms, one.over) for one in call.bodies(Absence)]


def told(call: Call, channel: int) -> list[tuple[str, int, int]]:
    return [(one.state.name, one.start_ms, one.end_ms) for one in call.bodies(Speech) if one.channel == channel]


@pytest.mark.parametrize("before_ms", [0, 2000], ids=["never sent: it rings", "sent before: it is muted, or gone"])
def test_a_channel_without_sound_holds_the_other_up_for_less_than_a_second(before_ms: int) -> None:
    call = Call(Loud(), channels=2)
    for at in range(0, before_ms, STEP):
        call.push(call.frame(at, at + STEP, 0.0, 0), call.frame(at, at + STEP, 0.0, 1))
    for at in range(before_ms, before_ms + 4000, STEP):
        call.push(call.frame(at, at + STEP, 0.5, 0))
        assert call.through_ms >= at + STEP - 1000
    assert told(call, 0)[0][:2] == ("OPENED", before_ms - 80 if before_ms else 0)  # a whole chunk, and the pre-roll
    assert absences(call) == [("a1-1", before_ms, before_ms, False)]
    assert call.through_ms > before_ms + 3900


def test_of_a_channel_that_sends_again_in_step_nothing_is_lost() -> None:
    """Discontinuous transmission: it sends only while somebody speaks."""
    call = Call(Loud(), channels=2)
    for at in range(0, 9000, STEP):
        call.push(call.frame(at, at + STEP, 0.5, 0))
        if 3000 <= at < 4000 or at >= 6000:
            call.push(call.frame(at, at + STEP, 0.5, 1))
    call.close(0, 1)
    assert absences(call) == [
        ("a1-1", 0, 0, False),
        ("a1-1", 0, 3000, True),
        ("a1-2", 4000, 4000, False),
        ("a1-2", 4000, 6000, True),
    ]
    spans = [(one.start_ms, one.end_ms) for one in call.bodies(Speech) if one.channel == 1 and one.state == 3]
    assert spans == [(2912, 4000), (5920, 9000)]
    assert [(one.start_ms, one.end_ms) for one in call.bodies(Gap)] == [(0, 3000), (4000, 6000)]


def test_the_open_segment_of_a_channel_ends_where_its_sound_does() -> None:
    call = Call(Loud(), channels=2)
    call.push(*spoken(call, 0, 1000, 0), *spoken(call, 0, 1000, 1), *spoken(call, 1000, 3000, 0, 0.0))
    assert told(call, 1)[-1] == ("CLOSED", 0, 1000)


def test_what_comes_late_is_heard_and_told_behind_what_the_call_has_passed() -> None:
    call = Call(Loud(), channels=2)
    call.push(*spoken(call, 0, 1000, 0), *spoken(call, 0, 1000, 1, 0.0), *spoken(call, 1000, 4000, 0))
    passed_ms, before = call.through_ms, len(call.events)
    assert passed_ms > 3900
    call.push(*spoken(call, 1000, 3000, 1), *spoken(call, 3000, 4000, 1, 0.0))
    call.push(*spoken(call, 4000, 4500, 0), *spoken(call, 4000, 4500, 1, 0.0))
    late = [event for event in call.events[before:] if getattr(event.body, "channel", None) == 1]
    assert [type(event.body).__name__ for event in late] == ["Absence", "Speech", "Speech", "Speech", "Speech"]
    assert {event.position for event in late} == {passed_ms + 1}
    assert told(call, 1) == [
        ("OPENED", 928, 1152),
        ("GREW", 928, 2016),
        ("GREW", 928, 3008),
        ("CLOSED", 928, 3008),
    ]
    assert call.bodies(Gap) == []


def test_a_channel_that_is_always_late_is_waited_for() -> None:
    call = Call(Loud(), channels=2)
    call.push(*spoken(call, 0, 600, 0))
    for at in range(600, 6000, STEP):
        call.push(call.frame(at, at + STEP, 0.5, 0), call.frame(at - 600, at - 500, 0.0, 1))
    assert absences(call) == []


def test_a_pause_of_the_whole_call_makes_nobody_absent() -> None:
    call = Call(Loud(), channels=2)
    for start_ms in (0, 60_000):
        call.push(*spoken(call, start_ms, start_ms + 700, 0), *spoken(call, start_ms, start_ms + 700, 1))
    assert absences(call) == []


def test_of_three_the_one_that_is_waited_for_keeps_the_others_waiting() -> None:
    call = Call(Loud(), channels=3)
    for at in range(0, 3000, STEP):
        call.push(call.frame(at, at + STEP, 0.5, 0))
        if at >= 500:
            call.push(call.frame(at - 500, at - 400, 0.0, 1))
    assert [one.channel for one in call.bodies(Absence)] == [2]
    assert 2400 <= call.through_ms <= 2500


def test_a_key_of_an_absent_channel_is_told() -> None:
    call = Call(Loud(), channels=2)
    call.push(*spoken(call, 0, 3000, 0), KeyPress(1, 0, "5"), *spoken(call, 3000, 3200, 0))
    assert [one.digit for one in call.bodies(Dtmf)] == ["5"]


def test_an_absent_channel_that_is_closed_ends_with_its_sound() -> None:
    call = Call(Loud(), channels=2)
    call.push(*spoken(call, 0, 1000, 0), *spoken(call, 0, 1000, 1), *spoken(call, 1000, 4000, 0))
    call.close(1).push(*spoken(call, 4000, 5000, 0)).close(0)
    assert told(call, 1)[-1] == ("CLOSED", 0, 1000)
    assert body(call.events[-1]).end_ms == 5000


@pytest.mark.parametrize("seed", range(12))
def test_no_batch_and_no_restart_changes_what_is_told_of_the_same_entries(seed: int) -> None:
    """One channel is away, late, in step, away again; each way of cutting the entries gives the same events."""
    rng = Random(seed)
    made = Call(Loud(), channels=2)
    entries = iter(
        [
            *spoken(made, 0, 1000, 0),
            *spoken(made, 0, 1000, 1),
            *spoken(made, 1000, 3500, 0),
            *spoken(made, 1000, 2000, 1),
            *spoken(made, 3500, 5500, 0, 0.0),
            *spoken(made, 2000, 5500, 1),
            *(one for at in range(5500, 7000, STEP) for n in (0, 1) for one in spoken(made, at, at + STEP, n)),
            *spoken(made, 7000, 20_000, 0),
            *spoken(made, 7000, 20_000, 1),
        ]
    )
    cut, whole = Call(Loud(), channels=2), Call(Loud(), channels=2)
    while some := list(islice(entries, rng.choice((1, 1, 2, 3, 10, 40)))):
        cut.push(*some)
        for entry in some:
            whole.push(entry)
        if rng.random() < 0.3:
            cut.reopen()
    assert cut.close(0, 1).written == whole.close(0, 1).written
    assert {one.over for one in cut.bodies(Absence)} == {True, False}
    states = [one.state for one in cut.bodies(Speech) if one.channel == 1]
    assert states.count(SpeechState.OPENED) == states.count(SpeechState.CLOSED) >= 3


def test_nobody_is_absent_twice_without_sound_in_between() -> None:
    awaiting = Awaiting(2, patience=800, chunk=100)
    gone = [awaiting.bring(0, at, at + 100) for at in range(0, 5000, 100)]
    assert [one for one in gone if one] == [[1]]
    assert awaiting.pause() == [0]
    assert awaiting.pause() == []


@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
def test_of_an_idle_call_everything_is_told_and_sound_that_comes_back_is_heard(channels: int) -> None:
    call = Call(Loud(), channels=channels)
    for at in range(0, 1000, STEP):
        call.push(*(call.frame(at, at + STEP, 0.5, channel) for channel in range(channels)))
    call.push(call.frame(1000, 1100, 0.5), AudioIdle(0, 8800))
    assert call.bodies(Idle) == [Idle(1100, 1100)]
    assert sorted(one.channel for one in call.bodies(Absence)) == list(range(channels))
    assert call.segments()[0] == (0, 1100)
    call.push(AudioIdle(0, 8800)).reopen()
    for at in range(61_100, 62_100, STEP):
        call.push(*(call.frame(at, at + STEP, 0.5, channel) for channel in range(channels)))
    call.close(*range(channels))
    assert call.bodies(Idle) == [Idle(1100, 1100), Idle(1100, 61_100, True)]
    assert call.segments()[-1] == (61_024, 62_100)


def test_a_call_that_is_idle_before_any_sound_is_told_so_too() -> None:
    call = Call(Loud(), channels=2)
    call.push(AudioIdle(0, 0))
    assert call.bodies(Idle) == [Idle(0, 0)]
    call.push(call.frame(0, 1000, 0.5), call.frame(0, 1000, 0.5, 1)).close(0, 1)
    assert call.bodies(Idle) == [Idle(0, 0), Idle(0, 0, True)]
    assert call.segments() == [(0, 1000), (0, 1000)]
