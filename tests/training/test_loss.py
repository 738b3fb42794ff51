"""The loss of a separation on cases whose answer is known."""

import pytest
import torch
from torch import Tensor

from speakerline.tools.training.loss import CEILING_DB, separation_loss


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_perfect_estimate_hits_the_ceiling_and_no_lower() -> None:
    truths = noise(3, 2, 4000)
    assert float(separation_loss(truths, truths, truths.sum(1))) == pytest.approx(-CEILING_DB, abs=1e-3)


def test_the_best_pairing_of_each_example_counts() -> None:
    truths = noise(4, 2, 4000)
    estimates = truths + 0.3 * noise(4, 2, 4000, seed=1)
    mixed = estimates.clone()
    mixed[[0, 2]] = mixed[[0, 2]].flip(1)
    expected = separation_loss(estimates, truths, truths.sum(1))
    assert float(separation_loss(mixed, truths, truths.sum(1))) == pytest.approx(float(expected), abs=1e-5)


def test_a_wrong_level_costs_although_si_sdr_does_not_see_it() -> None:
    truths = noise(2, 2, 4000)
    right, halved = (separation_loss(scale * truths, truths, truths.sum(1)) for scale in (1.0, 0.5))
    assert float(halved) == pytest.approx(0.5 * (-CEILING_DB - 6.0), abs=0.1)
    assert halved > right


def test_an_absent_voice_is_best_left_empty() -> None:
    truths = noise(2, 2, 4000)
    truths[:, 1] = 0
    losses = []
    for leak in (0.0, 0.1, 1.0):
        estimates = truths.clone()
        estimates[:, 1] = leak * truths[:, 0]
        losses.append(float(separation_loss(estimates, truths, truths.sum(1))))
    assert losses == pytest.approx([-CEILING_DB, (-CEILING_DB - 20) / 2, -CEILING_DB / 2], abs=0.3)


def test_silence_with_nobody_in_it_is_best_left_empty_too() -> None:
    mixture, truths = noise(2, 4000), torch.zeros(2, 2, 4000)
    assert float(separation_loss(truths, truths, mixture)) == pytest.approx(-CEILING_DB, abs=1e-3)


@pytest.mark.parametrize("outputs", [1, 3])
def test_more_or_fewer_outputs_than_voices_are_refused(outputs: int) -> None:
    truths = noise(4, 2, 4000)
    with pytest.raises(ValueError, match=rf"estimates \(4, {outputs}, 4000\) for truths \(4, 2, 4000\)"):
        separation_loss(noise(4, outputs, 4000), truths, truths.sum(1))


@pytest.mark.parametrize("case", ["noise", "perfect", "empty", "absent voice", "digital silence"])
def test_the_gradient_is_finite(case: str) -> None:
    truths = noise(2, 2, 4000) * 0.01
    if case == "absent voice":
        truths[:, 1] = 0
    if case == "digital silence":
        truths = torch.zeros(2, 2, 4000)
    estimates = {"perfect": truths.clone(), "empty": torch.zeros(2, 2, 4000)}.get(case, noise(2, 2, 4000, seed=1))
    estimates.requires_grad_()
    loss = separation_loss(estimates, truths, truths.sum(1))
    loss.backward()
    assert torch.isfinite(loss) and estimates.grad is not None and torch.isfinite(estimates.grad).all()
