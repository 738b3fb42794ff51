"""What separation is measured by: overlaps counted by hand, improvements with known truth."""

import numpy as np
import pytest

from speakerline.services.separation.quality import LEAST_DB, features, learned
from speakerline.tools.lab.overlap_scoring import score_overlaps
from speakerline.tools.lab.separation_quality import si_sdr_db, true_improvements_db
from speakerline.tools.score.rttm import Segment

RANDOM = np.random.default_rng(4)
ONE, OTHER = (RANDOM.standard_normal(8000).astype(np.float32) * 0.1 for _ in range(2))


def test_overlaps_are_counted_by_person() -> None:
    truth = [Segment("A", 0, 10), Segment("B", 6, 8)]
    found = [Segment("S1", 0, 10), Segment("S2", 7, 9)]
    overlap, whole = score_overlaps(truth, found, 12)
    assert (overlap.speech_s, overlap.missed_s, overlap.wrong_s, overlap.extra_s) == (4, 1, 0, 0)
    assert (overlap.attribution, overlap.error) == (75, 25)
    assert (whole.speech_s, whole.missed_s, whole.extra_s) == (12, 1, 1)


def test_speech_given_to_somebody_else_is_wrong() -> None:
    truth = [Segment("A", 0, 10), Segment("B", 4, 6), Segment("C", 20, 30)]
    found = [Segment("S1", 0, 10), Segment("S2", 4, 6), Segment("S2", 20, 30)]
    overlap, _ = score_overlaps(truth, found, 30)
    assert (overlap.missed_s, overlap.wrong_s) == (0, 2)


def test_nothing_found_is_all_missed() -> None:
    overlap, _ = score_overlaps([Segment("A", 0, 2), Segment("B", 0, 2)], [], 2)
    assert overlap.error == 100


def test_an_improvement_is_that_of_the_best_pairing_and_a_voice_too_many_has_the_least() -> None:
    mixture = ONE + OTHER
    better = [OTHER + 0.1 * ONE, ONE + 0.1 * OTHER]
    found = true_improvements_db(better, [ONE, OTHER], mixture)
    assert found == pytest.approx([20 - si_sdr_db(mixture, OTHER)] * 2, abs=0.5)
    assert true_improvements_db([ONE, 0.1 * ONE], [ONE, 0 * OTHER], ONE + 0.01 * OTHER)[1] == LEAST_DB


def test_weights_are_learned_from_what_is_known() -> None:
    measured = np.concatenate([np.ones((200, 1)), RANDOM.standard_normal((200, 4))], axis=1)
    weights = np.array([2.0, -3.0, 0.5, 0.0, 1.0])
    assert learned(measured, measured @ weights) == pytest.approx(weights, abs=0.1)


def test_a_clean_separation_is_less_blurred_than_a_split_voice() -> None:
    times = np.arange(8000) / 8000
    low, high = (np.sin(2 * np.pi * hz * times).astype(np.float32) for hz in (300, 1500))
    clean = features(low + high, np.stack([low, high]), 8000, slice(10, 90))
    split = features(low + high, np.stack([0.6 * (low + high), 0.4 * (low + high)]), 8000, slice(10, 90))
    assert clean[:, 1].max() < 0.05 < split[:, 1].min()
    assert clean[0, 4] < 0.1 < split[0, 4]
