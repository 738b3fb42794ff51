"""Which 10 ms rows of a window lie in chosen 17 ms frames of the segmentation; pure."""

import numpy as np

from speakerline.shared.arrays import Bools, Indices
from speakerline.shared.voiceprints.mel import HOP, SAMPLE_RATE
from speakerline.shared.voiceprints.segmentation import FIRST_CENTRE_S, FRAME_STEP_S, WINDOW_SAMPLES


def mask_rows(mask: Bools) -> Indices:
    """The 10 ms mel rows that lie in the masked 17 ms frames."""
    times = np.arange(WINDOW_SAMPLES // HOP) * (HOP / SAMPLE_RATE)
    frames = np.rint((times - FIRST_CENTRE_S) / FRAME_STEP_S).astype(int).clip(0, len(mask) - 1)
    return np.flatnonzero(mask[frames])
