"""What speaks for one person and what for two, in log odds."""

import numpy as np
import pytest

from speakerline.services.clustering.evidence import PairEvidence, across_share, beside_surplus, same_person_logit


def pair(cosine: float, lighter_s: float, *counts: float) -> PairEvidence:
    return PairEvidence(*(np.array(value) for value in (cosine, lighter_s, *counts)))


def surplus(beside: float, windows: float) -> float:
    return float(beside_surplus(np.array(beside), np.array(windows)))


def test_never_heard_side_by_side_speaks_a_little_for_one_person_and_often_much_for_two() -> None:
    assert surplus(0, 0) == 0
    assert surplus(0, 9) == pytest.approx(-9 * (0.2 - 0.03) / 3)
    assert surplus(6, 20) == pytest.approx((6 * np.log(0.2 / 0.03) - 20 * 0.17) / 3)
    assert surplus(8, 100) < 0 < surplus(10, 100)
    assert (surplus(0, 1000), surplus(1000, 1000)) == (-1, 5)


def test_voices_that_go_on_in_the_other_cluster_speak_for_one_person() -> None:
    share = across_share(np.array([0.0, 0.0, 9.0, 9.0]), np.array([0.0, 9.0, 9.0, 19.0]))
    assert share == pytest.approx([0.3, 0.3 / 10, 9.3 / 10, 9.3 / 20])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([2, 0, 0, 0, 0], 2.0),
        ([0, 3, 0, 0, 0], 3 * 0.4),
        ([0, 0, 1, 0, 0], np.log(5.0)),
        ([0, 0, 0, 1, 0], (4 * np.log(0.2 / 0.03) - 20 * 0.17) / 3),
        ([0, 0, 0, 0, 2], 2 * 3.3 / 8),
    ],
    ids=[
        "before anything is known",
        "how alike they are",
        "how much the lighter one said",
        "heard side by side",
        "one goes on in the other",
    ],
)
def test_what_speaks(weights: list[float], expected: float) -> None:
    found = same_person_logit(np.array(weights), pair(0.4, 5.0, 4.0, 20.0, 3.0, 7.0))
    assert found == pytest.approx(expected)


def test_side_by_side_counts_up_to_a_limit() -> None:
    weights = np.array([0.0, 0.0, 0.0, -1.0, 0.0])
    found = [float(same_person_logit(weights, pair(0.0, 1.0, beside, 20.0, 0.0, 0.0))) for beside in (0.0, 4.0, 9.0)]
    assert found == pytest.approx([1.0, -float(surplus(4, 20)), -2.0])
    assert 0 < surplus(4, 20) < 2 < surplus(9, 20)


def test_beyond_forty_seconds_and_below_half_a_second_more_or_less_speech_says_no_more() -> None:
    mass = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    same = [same_person_logit(mass, pair(0.0, said, 0.0, 0.0, 0.0, 0.0)) for said in (0.0, 0.5, 40.0, 90.0)]
    assert same == pytest.approx(np.log([0.5, 0.5, 40.0, 40.0]))
