"""What can't be clustered anew: how much each speaker said, and which speech may still go on at the edge."""

import numpy as np
import pytest

from speakerline.services.clustering.settled import Settled
from speakerline.services.clustering.turns import LabelledSpan

ONE, OTHER = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


def test_voiceprints_count_by_their_seconds() -> None:
    settled = Settled(2)
    settled.add(0, ONE, 3.0)
    settled.add(0, OTHER, 1.0)
    settled.add(4, ONE, 0.5)
    assert {who: (total.tolist(), mass) for who, (total, mass) in settled.sums.items()} == {
        0: ([3.0, 1.0], 4.0),
        4: ([0.5, 0.0], 0.5),
    }
    assert settled.lone_s == 4.5


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "carried"),
    [
        pytest.param(9_000, 11_000, [(1, 9_000, 10_000)], id="over the edge: up to it"),
        pytest.param(9_000, 10_000, [(1, 9_000, 10_000)], id="up to the edge"),
        pytest.param(9_000, 9_751, [(1, 9_000, 9_751)], id="up to a pause before the edge that would be filled"),
        pytest.param(9_000, 9_750, [], id="up to a longer pause"),
        pytest.param(9_999, 11_000, [(1, 9_999, 10_000)], id="from just before the edge on"),
        pytest.param(10_000, 11_000, [], id="from the edge on: nothing of it has settled"),
    ],
)
def test_speech_that_reaches_the_edge_may_go_on(
    start_ms: int, end_ms: int, carried: list[tuple[int, int, int]]
) -> None:
    settled = Settled(2)
    settled.move_edge(10_000, [LabelledSpan("S2", start_ms, end_ms, 0.9)], gap_ms=250)
    assert (settled.through_ms, settled.carried) == (10_000, carried)


def test_speech_of_nobody_stays_nobody_s() -> None:
    settled = Settled(2)
    settled.move_edge(10_000, [LabelledSpan("", 9_000, 11_000, 0.9)], gap_ms=250)
    assert settled.carried == [(-1, 9_000, 10_000)]


def test_all_of_one_speaker_is_handed_over() -> None:
    settled = Settled(2, carried=[(1, 0, 500), (2, 100, 500), (0, 200, 500)])
    settled.add(1, ONE, 2.0)
    settled.add(0, OTHER, 1.0)
    settled.hand_over(1, 0)
    assert settled.carried == [(0, 0, 500), (2, 100, 500), (0, 200, 500)]
    settled.hand_over(2, 0)
    assert {who: (total.tolist(), mass) for who, (total, mass) in settled.sums.items()} == {0: ([2.0, 1.0], 3.0)}
    assert settled.carried == [(0, 0, 500), (0, 100, 500), (0, 200, 500)]


def test_what_is_handed_over_to_somebody_without_settled_speech_keeps_its_weight() -> None:
    settled = Settled(2)
    settled.add(1, ONE, 2.0)
    settled.hand_over(1, 0)
    assert {who: (total.tolist(), mass) for who, (total, mass) in settled.sums.items()} == {0: ([2.0, 0.0], 2.0)}
