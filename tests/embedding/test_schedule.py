"""When windows are due, and until when none is."""

import pytest

from speakerline.services.embedding.schedule import Schedule


def scheduled(*speech: tuple[int, int], step_ms: int = 1000) -> Schedule:
    schedule = Schedule(step_ms)
    for start_ms, end_ms in speech:
        schedule.add_speech(start_ms, end_ms)
    return schedule


@pytest.mark.parametrize("step_ms", [0, -1])
def test_a_grid_without_width_is_refused(step_ms: int) -> None:
    with pytest.raises(ValueError, match=f"must be positive, got {step_ms}"):
        Schedule(step_ms)


def test_the_grid_may_be_as_fine_as_time_is() -> None:
    assert scheduled((0, 2), step_ms=1).due(10) == [1, 2]


@pytest.mark.parametrize(
    ("speech", "due"),
    [
        pytest.param([(200, 900), (900, 1500)], [1000, 2000], id="segments that touch are one"),
        pytest.param([(200, 1500), (300, 700)], [1000, 2000], id="one within another adds nothing"),
        pytest.param([(1200, 1500), (300, 1400)], [1000, 2000], id="one that turns out to have begun earlier"),
        pytest.param([(200, 300), (200, 2500)], [1000, 2000, 3000], id="one that grows"),
        pytest.param([(200, 300), (1700, 1800)], [1000, 2000], id="two apart"),
        pytest.param([(200, 300), (1700, 1800), (1800, 2500)], [1000, 2000, 3000], id="a third that goes on there"),
        pytest.param([(200, 200)], [], id="one of no length"),
    ],
)
def test_speech_is_listened_to_once(speech: list[tuple[int, int]], due: list[int]) -> None:
    schedule = scheduled(*speech)
    assert schedule.due(5000) == due
    assert schedule.due(9000) == []


def test_speech_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot end before it starts: \[300, 299\)"):
        scheduled((300, 299))


def test_while_the_call_goes_on_speech_waits_for_the_grid() -> None:
    schedule = scheduled((200, 800))
    assert schedule.due(900) == []
    assert schedule.due(1000) == [1000]


def test_a_segment_that_grows_is_kept_once() -> None:
    assert scheduled((200, 300), (1700, 1800), (1700, 2500)).speech == [(200, 300), (1700, 2500)]


def test_speech_that_a_window_has_heard_is_not_listened_to_again() -> None:
    schedule = scheduled((200, 2000))
    assert schedule.due(2000) == [1000, 2000]
    schedule.add_speech(200, 2000)
    assert schedule.due(5000) == []
    schedule.add_speech(200, 2001)
    assert schedule.due(5000) == [3000]


@pytest.mark.parametrize(
    ("decided_ms", "due"), [(1300, [1000, 1300]), (1200, [1000, 1200]), (1000, [1000]), (1150, [1000, 1150])]
)
def test_the_last_window_ends_with_the_call_where_speech_goes_beyond_the_grid(decided_ms: int, due: list[int]) -> None:
    schedule = scheduled((200, 1300))
    assert schedule.due(decided_ms, closed=True) == due
    assert schedule.due(decided_ms, closed=True) == []


def test_speech_that_begins_where_the_call_ends_has_no_window() -> None:
    assert scheduled((700, 900)).due(700, closed=True) == []


@pytest.mark.parametrize(("decided_ms", "quiet_until_ms"), [(0, 1000), (999, 1000), (1000, 2000), (1100, 2000)])
def test_no_window_ends_before_the_next_grid_point(decided_ms: int, quiet_until_ms: int) -> None:
    assert Schedule().quiet_until_ms(decided_ms) == quiet_until_ms
