"""Which output is which voice, from one piece of sound to the next: a network numbers them as it likes."""

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np

from speakerline.shared.arrays import AnyFloats, Float32s
from speakerline.shared.voiceprints.embedder import Embedder
from speakerline.shared.voiceprints.segmentation import FRAMES, WINDOW_SAMPLES

Voiceprint = Callable[[Float32s], Float32s | None]
"""From the (n,) samples of one voice to its L2-normalised voiceprint; None where they hold too little of it."""

CLEARLY = 0.1
"""By so much one order's mean cosine must be above every other's to count; below, voiceprints of one second are a
matter of chance and the sound itself knows better."""
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


class SourceOrder:
    """Keeps the voices of one overlap in order: by voiceprints where these are clear, else by the shared sound."""

    def __init__(self, voices: int, voiceprint: Voiceprint | None = None) -> None:
        self._voiceprint = voiceprint
        self._known: list[Float32s | None] = [None] * voices

    def sort(self, outputs: Float32s, before: Float32s) -> Float32s:
        """The outputs (voices, n) in the order of what came before.

        before: (voices, m), the voices so far, over the samples with which the outputs begin; m = 0 for the first."""
        prints = [self._voiceprint(output) if self._voiceprint else None for output in outputs]
        order = self._by_voiceprint(prints)
        if order is None:
            order = self._by_sound(outputs[:, : before.shape[1]], before)
        self._learn([prints[at] for at in order])
        return outputs[list(order)]

    def _by_voiceprint(self, prints: Sequence[Float32s | None]) -> tuple[int, ...] | None:
        known = [one for one in self._known if one is not None]
        new = [one for one in prints if one is not None]
        if len(known) < len(self._known) or len(new) < len(prints):
            return None
        order, margin = best_order(np.stack(known) @ np.stack(new).T / [[np.linalg.norm(one)] for one in known])
        return order if margin > CLEARLY else None

    def _by_sound(self, outputs: Float32s, before: Float32s) -> tuple[int, ...]:
        """The order in which each output is nearest to its voice: the highest sum of inner products."""
        products = before.astype(np.float64) @ outputs.astype(np.float64).T
        order, margin = best_order(products)
        power = np.square(before, dtype=np.float64).sum()
        return order if margin > QUIET * power else tuple(range(len(outputs)))

    def _learn(self, prints: Sequence[Float32s | None]) -> None:
        for at, new in enumerate(prints):
            if new is not None:
                old = self._known[at]
                self._known[at] = new if old is None else old + new


def voiceprint_by(embedder: Embedder, rate: int, least_s: float = 1.0) -> Voiceprint:
    """Voiceprints by one of the embedders, of the loud parts of a source if they last `least_s` or more."""
    import soxr

    def voiceprint(samples: Float32s) -> Float32s | None:
        sound = np.asarray(soxr.resample(samples, rate, 16_000), np.float32)[-WINDOW_SAMPLES:]
        window: Float32s = np.zeros(WINDOW_SAMPLES, np.float32)
        window[: len(sound)] = sound
        frame = WINDOW_SAMPLES // FRAMES
        power = np.square(window[: frame * FRAMES], dtype=np.float64).reshape(FRAMES, frame).mean(axis=1)
        loud = (power > power.max() * 1e-3) & (power > 1e-8)
        if loud.sum() * frame < least_s * 16_000:
            return None
        return embedder.embed([(window, loud)])[0]

    return voiceprint
