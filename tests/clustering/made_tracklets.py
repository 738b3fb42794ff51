"""Tracklets of people whose voices lie at chosen angles, for tests of the partition."""

from dataclasses import replace

import numpy as np

from speakerline.services.clustering.partition import Limits, Partition, Tracks, partition
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.voiceprints.calibration import Calibration

CUT = 0.6


def weighing(constant: float, cosine: float) -> Calibration:
    """Two clusters are judged by how alike they are, and by nothing else."""
    return Calibration("made", np.zeros(2, np.float32), np.array([constant, cosine, 0.0, 0.0, 0.0]), np.zeros(2), CUT)


COSINE_ONLY = weighing(-4.0, 10.0)


def voices(*people: tuple[float, int]) -> Tracks:
    """Tracklets of 1 s: of each person (angle in degrees, how many), a little spread."""
    spread = np.random.default_rng(0).normal(0, 4, sum(count for _, count in people))
    angles = np.deg2rad(np.repeat([a for a, _ in people], [count for _, count in people]) + spread)
    size = len(angles)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Tracks(
        vectors, np.ones(size), np.ones(size), np.zeros((size, size)), np.zeros((size, size)), np.full(size, -1)
    )


def divided(
    tracks: Tracks,
    logit: float = -10.0,
    shown: list[int] | None = None,
    limits: Limits | None = None,
    final: bool = False,
    **settings: object,
) -> Partition:
    """Divide them where every two clusters are one person with these log odds, whatever they sound like."""
    shown_so_far = tracks.shown if shown is None else np.array(shown)
    wanted = replace(ClusterSettings(), **settings)  # type: ignore[arg-type]
    return partition(replace(tracks, shown=shown_so_far), weighing(logit, 0.0), wanted, limits or Limits(), final)


def people(found: Partition) -> list[list[int]]:
    """The tracklets of each person."""
    return [np.flatnonzero(found.labels == person).tolist() for person in range(found.labels.max(initial=-1) + 1)]


def exactly(*voices: tuple[float, float], windows: float = 4.0) -> Tracks:
    """Tracklets of (angle in degrees, seconds)."""
    angles = np.deg2rad([angle for angle, _ in voices])
    vectors, count = np.stack([np.cos(angles), np.sin(angles)], axis=1), len(voices)
    mass_s = np.array([seconds for _, seconds in voices])
    return Tracks(
        vectors, mass_s, np.full(count, windows), np.zeros((count, count)), np.zeros((count, count)), np.full(count, -1)
    )


TWO = voices((0, 3), (120, 3))


THREE = voices((0, 3), (120, 3), (240, 3))


def beside(tracks: Tracks, one: int, other: int, windows: float) -> Tracks:
    matrix = tracks.beside.copy()
    matrix[one, other] = matrix[other, one] = windows
    return replace(tracks, beside=matrix)
