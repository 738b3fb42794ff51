"""When a worker does less, and when it does everything again."""

from collections.abc import Iterable
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from speakerline.shared.logs import Log
from speakerline.shared.pipeline import AGGREGATOR, ASR, CLUSTERING, EMBEDDING, PIPELINE, SEPARATION, VAD, StageSpec
from speakerline.shared.runtime.metrics import Metrics
from speakerline.shared.runtime.pace import Begun
from speakerline.shared.runtime.shedding import DOWN_AFTER_S, UP_AFTER_S, Lags, Shedding

LIMIT_S = 3.0
SLOW = [LIMIT_S + 0.1 * number for number in range(1, int(UP_AFTER_S) + 3)]
"""Behind, second by second, until it must do less."""


def a_worker(spec: StageSpec = ASR, limit_s: float = LIMIT_S, registry: CollectorRegistry | None = None) -> Shedding:
    return Shedding(spec, limit_s, Metrics(registry or CollectorRegistry()).for_stage(spec.name), Log())


def levels(worker: Shedding, lags: Iterable[float]) -> list[int]:
    """The level after each second with such a lag."""
    found = []
    for now, lag_s in enumerate(lags):
        with worker.lags.step(Begun(lag_s, lag_s)):
            worker.report(float(now))
        found.append(worker.level)
    return found


def test_the_stages_that_can_leave_something_out() -> None:
    assert [spec for spec in PIPELINE if spec.sheds] == [EMBEDDING, SEPARATION, ASR]


def test_a_lag_that_stays_is_a_shortage() -> None:
    assert levels(a_worker(), [LIMIT_S + 1] * 7) == [0, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("lag_s", [0.0, LIMIT_S], ids=["none", "at the limit"])
def test_a_lag_within_the_limit_is_none(lag_s: float) -> None:
    assert set(levels(a_worker(), [lag_s] * 30)) == {0}


def test_a_lag_that_shrinks_is_none_however_long_it_takes() -> None:
    assert set(levels(a_worker(), [60 - 0.1 * second for second in range(600)])) == {0}


def test_it_counts_from_where_it_stopped_to_shrink() -> None:
    found = levels(a_worker(), [9.0, 8.0, 7.0, *SLOW])
    assert found.index(1) == 3 + int(UP_AFTER_S)


def test_a_lag_that_comes_and_goes_is_none() -> None:
    assert set(levels(a_worker(), [9.0, 9.0, 9.0, 0.0] * 9)) == {0}


def test_everything_is_done_again_once_it_has_been_in_time_for_a_while() -> None:
    calm = [LIMIT_S / 3 - 0.1] * int(DOWN_AFTER_S + 1)
    worker = a_worker()
    assert levels(worker, [*SLOW, *calm])[len(SLOW) :] == [1, 1, 1, 1, 1, 0]
    assert levels(worker, SLOW)[-1] == 1, "and it may begin anew"


@pytest.mark.parametrize("lag_s", [LIMIT_S, LIMIT_S / 3], ids=["at the limit", "at a third of it"])
def test_between_too_much_and_little_it_stays_as_it_is(lag_s: float) -> None:
    assert set(levels(a_worker(), [*SLOW, *[lag_s] * 30])[len(SLOW) :]) == {1}


def test_a_calm_that_is_interrupted_begins_anew() -> None:
    assert levels(a_worker(), [*SLOW, 0.0, 0.0, 0.0, 2.0, *[0.0] * 6])[-6:] == [1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("spec", [VAD, CLUSTERING, AGGREGATOR], ids=lambda spec: spec.name)
def test_a_stage_that_can_leave_nothing_out_never_does(spec: StageSpec) -> None:
    assert set(levels(a_worker(spec), [99.0] * 30)) == {0}


def test_a_worker_without_a_limit_never_does() -> None:
    assert set(levels(a_worker(limit_s=0.0), [99.0] * 30)) == {0}


def test_operators_see_how_late_it_is_and_what_it_does() -> None:
    registry = CollectorRegistry()
    worker = a_worker(registry=registry)
    assert str(worker) == ""
    levels(worker, SLOW)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"speakerline_{name}", {"stage": "asr"})

    assert [value("sheds"), value("behind_seconds")] == [1.0, SLOW[-1]]
    assert str(worker) == f"asr is {SLOW[-1]:.1f} s behind; shedding"


def test_one_late_call_among_many_is_no_shortage() -> None:
    lags = Lags()
    for lag_s in (60.0, 0.1, 0.2):
        with lags.step(Begun(lag_s)):
            pass
    assert lags.report().seconds == 0.2
    assert lags.report().seconds == 0.0, "every report is about the time since the one before"


def test_while_steps_are_under_way_it_is_as_late_as_before() -> None:
    lags = Lags()
    with ExitStack() as under_way:
        under_way.enter_context(lags.step(Begun(4.0)))
        under_way.enter_context(lags.step(Begun(6.0)))
        assert [lags.report().seconds, lags.report().seconds] == [5.0, 5.0]
    assert lags.report().seconds == 0.0


def test_a_step_that_failed_is_over() -> None:
    lags = Lags()
    with pytest.raises(ValueError), lags.step(Begun(4.0)):
        raise ValueError
    assert [lags.report().seconds, lags.report().seconds] == [4.0, 0.0]
