"""Muon for the network's matrices: momentum whose every direction is made equally strong before it is applied.

The network has few parameters and much to learn: in equal time this gets further than Adam does (docs/separation.md).
A scale of 0.2 sqrt(larger side) gives its steps the size of Adam's, so that one learning rate serves both.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the scale: Liu et al., "Muon is
scalable for LLM training" (2025).
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
GATES = 4
"""An LSTM's weights are four matrices, one above the other."""


class Muon(torch.optim.Optimizer):
    """For parameters (rows, columns), or (..., rows, columns) where they are several matrices in one."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "matrices": 1})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Nesterov momentum, orthogonalised. A group's `matrices` says how many each of its parameters is made of."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                mean = state["momentum"]
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(mean, group["momentum"])
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(_even(ahead, group["matrices"]), alpha=-group["lr"])


def optimizers(network: nn.Module, learning_rate: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Muon for what turns features into features, AdamW for what is at the network's ends, norms and biases."""
    recurrent, hidden, others = [], [], []
    for name, parameter in network.named_parameters():
        if "path.weight" in name:
            recurrent.append(parameter)
        elif "_out.weight" in name or name.endswith("widen"):
            hidden.append(parameter)
        else:
            others.append(parameter)
    groups = [{"params": recurrent, "matrices": GATES}, {"params": hidden}]
    return [
        Muon(groups, learning_rate, weight_decay),
        torch.optim.AdamW(others, learning_rate, weight_decay=weight_decay),
    ]


def orthogonal(matrices: Tensor) -> Tensor:
    """(..., rows, columns) with all singular values near 1, by a Newton-Schulz iteration."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.transpose(-2, -1) if tall else x
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = x @ x.transpose(-2, -1)
        x = a * x + (b * square + c * square @ square) @ x
    return x.transpose(-2, -1) if tall else x


def _even(update: Tensor, matrices: int) -> Tensor:
    apart = update.view(matrices, -1, update.shape[-1]) if matrices > 1 else update
    scale = 0.2 * math.sqrt(max(apart.shape[-2:]))
    return (orthogonal(apart) * scale).reshape(update.shape)
