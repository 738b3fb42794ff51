"""Which output is which voice, from one piece of sound to the next: a network numbers them as it likes."""

from itertools import permutations

import numpy as np

from speakerline.shared.arrays import AnyFloats, Float32s

QUIET = 1e-6
"""Share of the power below which the shared audio does not decide."""


def best_order(scores: AnyFloats) -> tuple[tuple[int, ...], float]:
    """scores (voices, outputs), higher is more alike. The output for each voice with the highest sum, and by how much
    its mean is above that of the next best order."""
    count = len(scores)
    found = sorted(
        ((float(sum(scores[at, one] for at, one in enumerate(order))), order) for order in permutations(range(count))),
        key=lambda pair: (-pair[0], pair[1]),
    )
    margin = (found[0][0] - found[1][0]) / count if len(found) > 1 else np.inf
    return found[0][1], margin


def in_order(outputs: Float32s, before: Float32s) -> Float32s:
    """The outputs (voices, n), each as the voice that it is nearest to: the highest sum of inner products.

    before: (voices, m), the voices so far, over the samples with which the outputs begin; m = 0 for the first."""
    shared = outputs[:, : before.shape[1]].astype(np.float64)
    order, margin = best_order(before.astype(np.float64) @ shared.T)
    clear = margin > QUIET * np.square(before, dtype=np.float64).sum()
    return outputs[list(order)] if clear else outputs
