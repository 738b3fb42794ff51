"""How likely it is that two clusters of voices are one person; pure.

There are three inputs: how similar the mean voiceprints are, how much speech they stand for (means of little speech
are noisy, so less similar), and how often both clusters were *different* local voices of one window, which one person
hardly ever is.
"""

import numpy as np

from speakerline.shared.arrays import Float64s

BESIDE_IF_TWO = 0.2
BESIDE_IF_ONE = 0.03
"""How often a voice's window holds a second clear voice: when another person talks too, and when the segmentation
split one person in two (measured on simulated and real calls: 0.26 and 0.02)."""
WINDOWS_PER_INDEPENDENT = 3.0
"""Windows share most of their audio, so this many count as one observation."""


def beside_surplus(beside: Float64s, windows: Float64s) -> Float64s:
    """Log likelihood ratio, at least -1 and at most 5, of two people against one, from `beside` of `windows`
    windows."""
    surplus = beside * np.log(BESIDE_IF_TWO / BESIDE_IF_ONE) - windows * (BESIDE_IF_TWO - BESIDE_IF_ONE)
    return np.asarray(np.clip(surplus / WINDOWS_PER_INDEPENDENT, -1.0, 5.0))


def features(cosine: Float64s, lighter_s: Float64s, beside: Float64s, windows: Float64s) -> Float64s:
    """(..., 4) inputs of the logistic model: 1, cosine, log of the lighter mass, `beside_surplus`."""
    mass = np.log(np.clip(lighter_s, 0.5, 40.0))
    return np.stack([np.ones_like(cosine), cosine, mass, beside_surplus(beside, windows)], axis=-1)


def same_person_logit(
    merge: Float64s, cosine: Float64s, lighter_s: Float64s, beside: Float64s, windows: Float64s
) -> Float64s:
    """Log odds that two clusters are one person.

    merge: (4,) weights from the calibration. cosine: of the centred, projected means. lighter_s: lone speech of the
    lighter one.
    beside: in how many windows they were different voices; windows: the number of windows of the rarer one.
    """
    return np.asarray(features(cosine, lighter_s, beside, windows) @ merge)
