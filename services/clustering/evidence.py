"""How likely it is that two clusters of voices are one person; pure.

Three things speak: how alike the mean voiceprints are, how much speech they stand for (means of little speech are noisy, so less
alike though equal), and how often both were heard as *different* local voices of one window, which one person hardly ever is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def features(cosine: Array, lighter_s: Array, conflict: Array) -> Array:
    """(..., 4) inputs of the logistic model: 1, cosine, log of the lighter mass, conflict."""
    mass = np.log(np.clip(lighter_s, 0.5, 40.0))
    return np.stack([np.ones_like(cosine), cosine, mass, np.clip(conflict, 0.0, 1.0)], axis=-1)


def same_person_logit(merge: Array, cosine: Array, lighter_s: Array, conflict: Array) -> Array:
    """Log odds that two clusters are one person.

    merge: (4,) weights from the calibration. cosine: of the centred, projected means. lighter_s: lone speech of the lighter
    one. conflict: the share of the lighter one's windows in which the other was heard beside it.
    """
    return np.asarray(features(cosine, lighter_s, conflict) @ merge)
