"""The input of a channel's partition: the tracklets of its history, and what has settled of each speaker."""

from collections.abc import Mapping, Sequence

import numpy as np

from speakerline.services.clustering.evidence import beside_surplus
from speakerline.services.clustering.history import History
from speakerline.services.clustering.partition import Tracks
from speakerline.shared.arrays import Float64s
from speakerline.shared.voiceprints.calibration import Calibration

SURE_OF_TWO = 3.0
"""From this log likelihood ratio on, a channel surely carries two voices."""


def tracks_of(
    history: History,
    calibration: Calibration,
    labels: Sequence[int] = (),
    settled: Mapping[int, tuple[Float64s, float]] | None = None,
) -> tuple[Tracks, Float64s]:
    """The input of the clustering, and the centre that its voiceprints are relative to.

    The retained tracklets (labels: the speaker of each so far, or none), and behind them one heavy tracklet for each
    settled speaker (settled: sum of voiceprints and lone seconds).
    """
    anchors = {speaker: sums for speaker, sums in sorted((settled or {}).items()) if sums[1] > 0}
    raw = np.concatenate(
        [history.means(), np.array([total for total, _ in anchors.values()]).reshape(-1, history.size)]
    )
    mass = np.array([*history.mass_s, *(mass for _, mass in anchors.values())])
    surplus = float(beside_surplus(np.array(history.beside().sum() / 2), np.array(float(len(history.retained)))))
    centre = calibration.centre(raw, mass, 1 + min(max(surplus, 0.0) / SURE_OF_TWO, 1.0))
    size, count = len(mass), history.tracklets
    beside: Float64s = np.zeros((size, size))
    followed: Float64s = np.zeros((size, size))
    beside[:count, :count], followed[:count, :count] = history.beside(), history.followed()
    windows = np.array([*history.windows, *([1] * len(anchors))], np.float64)
    shown = np.array([*(labels or [-1] * count), *anchors], np.intp)
    return Tracks(calibration.place(raw, centre), mass, windows, beside, followed, shown), centre
