"""What separation is measured by: improvements with known truth."""

import numpy as np
import pytest

from speakerline.services.separation.quality import LEAST_DB, features, learned
from speakerline.tools.lab.separation_quality import true_improvements_db
from speakerline.tools.score.separation import si_sdr_db

RANDOM = np.random.default_rng(4)
ONE, OTHER = (RANDOM.standard_normal(8000).astype(np.float32) * 0.1 for _ in range(2))


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
