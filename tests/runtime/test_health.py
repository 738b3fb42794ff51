"""Alive means that the loop turns; ready means that Redis answers, and nothing waits or something moves."""

import pytest

from speakerline.shared.runtime.health import ALIVE_S, STUCK_S, alive, ready

NOW = 1000.0


def test_a_loop_that_does_not_come_round_is_not_alive() -> None:
    assert alive(NOW, NOW - 1)[0]
    assert alive(NOW, NOW - ALIVE_S - 1) == (False, f"the loop has not come round for {ALIVE_S + 1:.0f} s")


@pytest.mark.parametrize(
    ("turned_ago", "problem", "progressed_ago", "pending", "group_lag", "expected"),
    [
        pytest.param(1, "", 1, 0, 0, True, id="nothing waits"),
        pytest.param(1, "", 5, 40, 0, True, id="entries wait and commits go on"),
        pytest.param(1, "", STUCK_S + 1, 40, 0, False, id="entries wait and nothing moves"),
        pytest.param(1, "", STUCK_S + 1, 0, 3, False, id="calls wait and nothing moves"),
        pytest.param(1, "Redis is away", 1, 0, 0, False, id="Redis does not answer"),
        pytest.param(ALIVE_S + 1, "", 1, 0, 0, False, id="the loop stands still"),
    ],
)
def test_readiness(
    turned_ago: float, problem: str, progressed_ago: float, pending: int, group_lag: int, expected: bool
) -> None:
    verdict, reason = ready(NOW, NOW - turned_ago, problem, NOW - progressed_ago, pending, 2, group_lag)
    assert verdict is expected
    assert reason


def test_the_reason_names_what_waits() -> None:
    _, reason = ready(NOW, NOW, "", NOW - 40, 12, 3, 1)
    assert reason == "12 entries of 3 calls and 1 new calls wait, and nothing moved for 40 s"
