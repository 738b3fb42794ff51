"""The interface of a voiceprint model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.local_voices import Mask
from speakerline.shared.voiceprints.vectors import Floats


class Embedder(Protocol):
    """Voiceprints of chosen frames; `shared.voiceprints.ge2e` and `shared.voiceprints.ecapa` are two."""

    @property
    def calibration(self) -> Calibration:
        """What the clusterer must know about this embedder's voiceprints."""

    def embed(self, pieces: Sequence[tuple[Floats, Mask]]) -> list[Floats]:
        """One L2-normalised float32 voiceprint for each (window of 80000 samples at 16 kHz, mask of its 293 frames).

        A voiceprint does not depend on which other pieces are in the batch. A mask without a frame is a ValueError.
        """
