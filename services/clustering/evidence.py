"""How likely it is that two clusters of voices are one person; pure.

There are four inputs: how similar the mean voiceprints are, how much speech they stand for (means of little speech
are noisy, so less similar), how often both clusters were *different* local voices of one window, which one person
hardly ever is, and how often a voice of one cluster went on as a voice of the other, which two people hardly ever do.
"""

from dataclasses import dataclass

import numpy as np

from speakerline.shared.arrays import Float64s

BESIDE_IF_TWO = 0.2
BESIDE_IF_ONE = 0.03
"""How often a voice's window holds a second clear voice: when another person talks too, and when the segmentation
split one person in two (measured on simulated and real calls: 0.26 and 0.02)."""
WINDOWS_PER_INDEPENDENT = 3.0
"""Windows share most of their audio, so this many count as one observation."""
MOST_BESIDE = 2.0
"""No more than so much of `beside_surplus` counts: noise and rooms make the segmentation split one person again and
again."""
ACROSS_PRIOR = 0.3
"""The share of links across where none is known."""


@dataclass(frozen=True, slots=True, eq=False)
class PairEvidence:
    """What is known about every pair of clusters, each (...,).

    cosine: of the centred means. lighter_s: lone speech of the lighter one. beside: in how many windows they
    were different voices; windows: the number of windows of the rarer one. across: how many tracklets of one go on in
    the other; links: how many tracklets go on at all, of the one with fewer.
    """

    cosine: Float64s
    lighter_s: Float64s
    beside: Float64s
    windows: Float64s
    across: Float64s
    links: Float64s


def beside_surplus(beside: Float64s, windows: Float64s) -> Float64s:
    """Log likelihood ratio, at least -1 and at most 5, of two people against one, from `beside` of `windows`
    windows."""
    surplus = beside * np.log(BESIDE_IF_TWO / BESIDE_IF_ONE) - windows * (BESIDE_IF_TWO - BESIDE_IF_ONE)
    return np.asarray(np.clip(surplus / WINDOWS_PER_INDEPENDENT, -1.0, 5.0))


def across_share(across: Float64s, links: Float64s) -> Float64s:
    """The share of links that lead to the other cluster, as seen with one more link of ACROSS_PRIOR."""
    return np.asarray((across + ACROSS_PRIOR) / (links + 1))


def features(pairs: PairEvidence) -> Float64s:
    """(..., 5) inputs of the logistic model: 1, cosine, log of the lighter mass, `beside_surplus`, `across_share`."""
    mass = np.log(np.clip(pairs.lighter_s, 0.5, 40.0))
    beside = np.minimum(beside_surplus(pairs.beside, pairs.windows), MOST_BESIDE)
    across = across_share(pairs.across, pairs.links)
    return np.stack([np.ones_like(pairs.cosine), pairs.cosine, mass, beside, across], axis=-1)


def same_person_logit(merge: Float64s, pairs: PairEvidence) -> Float64s:
    """Log odds that two clusters are one person. merge: (5,) weights from the calibration."""
    return np.asarray(features(pairs) @ merge)
