"""How late a call is: what came at once is due one after the other, and only what is handled too slowly is late."""

from collections.abc import Sequence

import pytest

from speakerline.shared.runtime.pace import Arrival, Pace

STARTED = 1000.0


def second(number: int, arrived_at: float | None = None) -> Arrival:
    """The entry at this second of the call; it came when it was spoken, unless it is said otherwise."""
    return Arrival(1000 * number, STARTED + number if arrived_at is None else arrived_at)


def lags(entries: Sequence[Arrival], first_at: float, each_s: float) -> list[float]:
    """How late each begins when they are handled one by one, each for so long, none before it came."""
    pace, now, found = Pace(STARTED), first_at, []
    for entry in entries:
        now = max(now, entry.arrived_at)
        found.append(round(pace.begin(entry, entry, now), 3))
        now += each_s
    return found


def test_what_is_handled_as_it_comes_is_never_late() -> None:
    assert lags([second(number) for number in range(1, 9)], STARTED + 1, 0.9) == [0.0] * 8


def test_what_comes_faster_than_it_is_handled_is_ever_later() -> None:
    found = lags([second(number) for number in range(1, 9)], STARTED + 1, 1.5)
    assert found == [0.5 * number for number in range(8)]


@pytest.mark.parametrize("each_s", [0.2, 1.0])
def test_a_backlog_is_not_late_while_it_shrinks(each_s: float) -> None:
    """As after a takeover: everything lay there, and goes on coming in."""
    assert set(lags([second(number) for number in range(1, 60)], STARTED + 30, each_s)) == {0.0}


def test_a_backlog_that_grows_is_late_by_what_it_has_grown() -> None:
    found = lags([second(number) for number in range(1, 5)], STARTED + 30, 1.5)
    assert found == [0.0, 0.5, 1.0, 1.5]


def test_what_comes_at_once_in_the_middle_of_a_call_is_due_as_it_is_spoken() -> None:
    """As after an outage in which the producer kept the sound."""
    live = [second(number) for number in range(1, 5)]
    kept = [second(number, STARTED + 25) for number in range(5, 25)]
    after = [second(number) for number in range(26, 40)]
    assert set(lags([*live, *kept, *after], STARTED + 1, 0.9)) == {0.0}


def test_what_can_not_have_been_spoken_yet_is_never_late() -> None:
    ahead = [second(number, STARTED) for number in range(1, 60)]
    assert max(lags(ahead, STARTED, 0.1)) == 0.0
    pace = Pace(STARTED)
    pace.begin(second(1, STARTED), second(50, STARTED), STARTED)
    assert pace.begin(second(51, STARTED), second(51, STARTED), STARTED + 40) == 0.0, "though nothing came of the rest"
    assert pace.ahead(second(51), STARTED + 50) and not pace.ahead(second(51), STARTED + 51)


def test_no_credit_is_kept_for_what_was_done_early() -> None:
    pace = Pace(STARTED)
    for number in range(1, 21):
        pace.begin(second(number), second(number), STARTED + 20)
    assert pace.begin(second(21), second(21), STARTED + 24) == 3.0


def test_after_an_outage_what_lies_there_is_not_late() -> None:
    pace = Pace(STARTED)
    pace.begin(second(1), second(1), STARTED + 1)
    assert pace.begin(second(2), second(2), STARTED + 22) == 20.0
    pace.restart()
    assert pace.begin(second(3), second(3), STARTED + 23) == 0.0


def test_a_clock_of_redis_that_goes_back_makes_nothing_late() -> None:
    pace = Pace(STARTED)
    pace.begin(second(1), second(1), STARTED + 1)
    assert pace.begin(second(2, STARTED - 3600), second(2, STARTED - 3600), STARTED - 3599) == 0.0
    assert pace.begin(second(3, STARTED - 3598), second(3, STARTED - 3598), STARTED - 3598) == 0.0
