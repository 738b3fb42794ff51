"""When a worker asks its calls to do less, and when no longer."""

from shared.runtime.shedding import FAST_WINDOWS, SLOW_WINDOWS, Shedding


def run(shedding: Shedding, lags: list[float], start: float, per_s: int = 10) -> float:
    """Steps at an even pace; the second after the last."""
    for number, lag in enumerate(lags):
        shedding.stepped(lag, start + number / per_s)
    return start + len(lags) / per_s


def test_zero_means_never() -> None:
    shedding = Shedding(0.0)
    run(shedding, [100.0] * 100, 0.0)
    assert shedding.level == 0


def test_lag_that_stays_sheds_and_a_peak_does_not() -> None:
    shedding = Shedding(3.0)
    now = run(shedding, [9.0] * 8 + [0.1] * 30, 0.0)
    assert shedding.level == 0
    run(shedding, [4.0] * (10 * SLOW_WINDOWS + 5), now)
    assert shedding.level == 1


def test_one_slow_call_among_many_does_not_shed() -> None:
    shedding = Shedding(3.0)
    run(shedding, [60.0, 0.1, 0.1] * 30, 0.0)
    assert shedding.level == 0


def test_full_work_comes_back_only_when_lag_is_small_for_a_while() -> None:
    shedding = Shedding(3.0)
    now = run(shedding, [5.0] * 40, 0.0)
    now = run(shedding, [2.0] * 100, now)
    assert shedding.level == 1, "below the limit is not enough"
    run(shedding, [0.5] * (10 * FAST_WINDOWS + 15), now)
    assert shedding.level == 0
