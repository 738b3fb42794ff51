"""What training minimises: SI-SDR and SNR under the best pairing of outputs with voices.

The measure is `tools.score.separation.si_sdr_db`. The loss has its own formula, because it needs a gradient, a ceiling
and every pairing of a batch at once.
"""

from itertools import permutations

import torch
from torch import Tensor

CEILING_DB = 30.0
"""Better than this is no better: keeps easy examples from ruling the gradient."""


def separation_loss(estimates: Tensor, truths: Tensor, mixture: Tensor) -> Tensor:
    """Mean over the batch, in dB; lower is better. estimates and truths (B, voices, n), mixture (B, n).

    Voices that are there count by SI-SDR and, half and half, by SNR, which fixes their level; absent ones by what is
    left in their output against the mixture (Wisdom et al., "Unsupervised sound separation", 2020). Both end at
    30 dB. The pairing with the lowest sum counts (Kolbaek et al., "Utterance-level permutation invariant training",
    2017). Raises ValueError for more or fewer estimates than truths: some would never be paired, and learn nothing."""
    if estimates.shape != truths.shape:
        raise ValueError(f"estimates {tuple(estimates.shape)} for truths {tuple(truths.shape)}: expected one each")
    floor = 10 ** (-CEILING_DB / 10)
    voices = truths.shape[1]
    total = _energy(mixture)[:, None, None] + 1e-8
    energy = _energy(truths)[:, None, :] + 1e-8
    estimated, true = estimates[:, :, None], truths[:, None, :]
    error = _energy(estimated - true)
    scale = (estimated * true).sum(-1) / energy
    projected = scale.square() * energy
    distortion = (_energy(estimated) - projected).clamp(min=0)
    by_si_sdr = 10 * torch.log10((distortion + floor * projected + 1e-8) / (projected + 1e-8))
    by_snr = 10 * torch.log10((error + floor * energy) / energy)
    empty = 10 * torch.log10((_energy(estimated) + floor * total) / total)
    absent = _energy(truths)[:, None, :] <= 1e-7
    costs = torch.where(absent, empty, 0.5 * (by_si_sdr.clamp(max=CEILING_DB) + by_snr))
    pairings = torch.tensor(list(permutations(range(voices))), device=costs.device)
    at = torch.arange(voices, device=costs.device)
    sums = torch.stack([costs[:, at, pairing].mean(-1) for pairing in pairings], -1)
    return sums.min(-1).values.mean()


def _energy(samples: Tensor) -> Tensor:
    return samples.square().sum(-1)
