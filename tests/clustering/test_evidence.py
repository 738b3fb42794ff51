"""What speaks for one person and what for two, in log odds."""

import numpy as np
import pytest

from speakerline.services.clustering.evidence import beside_surplus, same_person_logit


def surplus(beside: float, windows: float) -> float:
    return float(beside_surplus(np.array(beside), np.array(windows)))


def test_never_heard_side_by_side_speaks_a_little_for_one_person_and_often_much_for_two() -> None:
    assert surplus(0, 0) == 0
    assert surplus(0, 9) == pytest.approx(-9 * (0.2 - 0.03) / 3)
    assert surplus(6, 20) == pytest.approx((6 * np.log(0.2 / 0.03) - 20 * 0.17) / 3)
    assert surplus(8, 100) < 0 < surplus(10, 100)
    assert (surplus(0, 1000), surplus(1000, 1000)) == (-1, 5)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([2, 0, 0, 0], 2.0),
        ([0, 3, 0, 0], 3 * 0.4),
        ([0, 0, 1, 0], np.log(5.0)),
        ([0, 0, 0, 1], (6 * np.log(0.2 / 0.03) - 20 * 0.17) / 3),
    ],
    ids=["before anything is known", "how alike they are", "how much the lighter one said", "heard side by side"],
)
def test_what_speaks(weights: list[float], expected: float) -> None:
    found = same_person_logit(np.array(weights), *(np.array(value) for value in (0.4, 5.0, 6.0, 20.0)))
    assert found == pytest.approx(expected)


def test_beyond_forty_seconds_and_below_half_a_second_more_or_less_speech_says_no_more() -> None:
    said = np.array([0.0, 0.5, 40.0, 90.0])
    mass = np.array([0.0, 0.0, 1.0, 0.0])
    same = same_person_logit(mass, np.zeros(4), said, np.zeros(4), np.zeros(4))
    assert same == pytest.approx(np.log([0.5, 0.5, 40.0, 40.0]))
