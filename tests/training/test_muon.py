"""Muon makes all directions of an update equally strong, and gives every parameter to one optimizer."""

import pytest
import torch

from speakerline.tools.training.muon import Muon, optimizers, orthogonal
from speakerline.tools.training.network import NetworkSettings, Separator


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5), (3, 16, 24)], ids=str)
def test_singular_values_come_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.4
    assert values.max() < 1.3


def test_the_gates_of_an_lstm_are_matrices_of_their_own() -> None:
    """One gate with a gradient a thousand times that of the others moves no more than they do."""
    weight = torch.nn.Parameter(torch.zeros(4 * 6, 6))
    optimizer = Muon([{"params": [weight], "matrices": 4}], lr=0.1)
    weight.grad = torch.randn(24, 6, generator=torch.Generator().manual_seed(2))
    weight.grad[:6] *= 1000
    optimizer.step()
    moved = weight.detach().view(4, -1).norm(dim=1)
    assert moved.max() < 1.5 * moved.min()


def test_a_step_is_as_large_as_one_of_adam() -> None:
    """An update has an RMS of about 0.2 learning rates, as those of Adam have."""
    weight = torch.nn.Parameter(torch.zeros(64, 64))
    weight.grad = torch.randn(64, 64, generator=torch.Generator().manual_seed(3))
    Muon([weight], lr=1.0).step()
    assert 0.1 < float(weight.detach().square().mean().sqrt()) < 0.3


def test_every_parameter_has_one_optimizer() -> None:
    network = Separator(NetworkSettings(bands=4, features=12, hidden=12, blocks=1))
    given = [
        parameter
        for optimizer in optimizers(network, 1e-3, 0.0)
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert sorted(map(id, given)) == sorted(map(id, network.parameters()))


def test_weights_shrink_by_their_decay() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(weight, torch.full((4, 4), 0.95))
