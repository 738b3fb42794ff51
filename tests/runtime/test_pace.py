"""How late a call is: what came at once is due one after the other, and only what is handled too slowly is late."""

from collections.abc import Sequence

import pytest

from speakerline.shared.runtime.pace import EARLY_S, Arrival, Pace

STARTED = 1000.0
ANNOUNCED = STARTED + EARLY_S


def second(number: int, arrived_at: float | None = None) -> Arrival:
    """The entry at this second of the call; it came when it was spoken, unless it is said otherwise."""
    return Arrival(1000 * number, STARTED + number if arrived_at is None else arrived_at)


def seconds(first: int, last: int, arrived_at: float | None = None) -> list[Arrival]:
    return [second(number, arrived_at) for number in range(first, last + 1)]


def begin(pace: Pace, entry: Arrival, now: float) -> float | None:
    return pace.begin(entry, entry, now).lag_s


def lags(entries: Sequence[Arrival], taken_at: float, each_s: float) -> list[float | None]:
    """How late each begins when they are handled one by one, each for so long, none before it came."""
    pace, now, found = Pace(ANNOUNCED), taken_at, []
    for entry in entries:
        now = max(now, entry.arrived_at)
        lag_s = begin(pace, entry, now)
        found.append(None if lag_s is None else round(lag_s, 3))
        now += each_s
    return found


def test_what_is_handled_as_it_comes_is_never_late() -> None:
    assert lags(seconds(1, 9), STARTED + 1, 0.9) == [None, *[0.0] * 8]


def test_what_comes_faster_than_it_is_handled_is_ever_later() -> None:
    assert lags(seconds(1, 9), STARTED + 1, 1.5) == [None, *(0.5 * number for number in range(8))]


def test_what_lay_there_says_nothing_however_slowly_it_is_handled() -> None:
    """A call that had come whole when it was taken over."""
    assert lags(seconds(1, 30), STARTED + 30, 9.0) == [None] * 30


def test_behind_a_backlog_nothing_is_late_while_it_shrinks() -> None:
    found = lags(seconds(1, 90), STARTED + 30, 0.7)
    assert found == [*[None] * 30, *[0.0] * 60]


def test_behind_a_backlog_that_grows_it_is_late_by_what_it_has_grown() -> None:
    found = lags(seconds(1, 7), STARTED + 3, 1.5)
    assert found == [None, None, None, 0.0, 0.5, 1.0, 1.5]


def test_what_comes_at_once_in_the_middle_of_a_call_is_due_as_it_is_spoken() -> None:
    """As after an outage in which the producer kept the sound."""
    entries = [*seconds(1, 4), *seconds(5, 24, arrived_at=STARTED + 25), *seconds(26, 40)]
    assert set(lags(entries, STARTED + 1, 0.9)) == {None, 0.0}
    assert max(lag for lag in lags(entries, STARTED + 1, 1.2) if lag) > 3


def test_what_can_not_have_been_spoken_yet_says_nothing() -> None:
    entries = [second(0), *seconds(1, 60, arrived_at=STARTED + 0.1)]
    assert lags(entries, STARTED, 0.1) == [None] * 61
    pace = Pace(ANNOUNCED)
    assert pace.ahead(second(51), STARTED + 50) and not pace.ahead(second(51), STARTED + 51)


def test_nor_is_it_late_when_its_time_has_come() -> None:
    """Though the call has advanced less than was spoken since its last step."""
    pace = Pace(ANNOUNCED)
    pace.begin(second(0), second(0), STARTED)
    pace.begin(second(1, STARTED + 0.1), second(40, STARTED + 0.1), STARTED + 0.1)
    assert begin(pace, second(41, STARTED + 0.1), STARTED + 41) == 0.0
    assert begin(pace, second(42, STARTED + 0.1), STARTED + 45) == 3.0


def test_no_credit_is_kept_for_what_was_done_early() -> None:
    pace = Pace(ANNOUNCED)
    for entry in seconds(0, 20):
        pace.begin(entry, entry, STARTED + 20)
    assert begin(pace, second(21), STARTED + 21) == 0.0
    assert begin(pace, second(22), STARTED + 25) == 3.0


def test_after_an_outage_what_lies_there_says_nothing() -> None:
    pace = Pace(ANNOUNCED)
    pace.begin(second(1), second(1), STARTED + 1)
    pace.begin(second(2), second(2), STARTED + 2)
    assert begin(pace, second(3), STARTED + 23) == 20.0
    pace.restart()
    assert begin(pace, second(4), STARTED + 23) is None


@pytest.mark.parametrize("step_s", [-3600, 3600], ids=["back", "forth"])
def test_a_clock_of_redis_that_jumps_makes_nothing_late(step_s: int) -> None:
    pace = Pace(ANNOUNCED)
    for number in range(1, 5):
        pace.begin(second(number), second(number), STARTED + number)
    after = [second(number, STARTED + number + step_s) for number in range(5, 9)]
    assert {begin(pace, entry, entry.arrived_at) for entry in after} <= {None, 0.0}
