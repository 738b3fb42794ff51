"""The interface of a voiceprint model."""

from collections.abc import Sequence
from typing import Protocol

from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.voiceprints.calibration import Calibration


class Embedder(Protocol):
    """Voiceprints of chosen frames; `shared.voiceprints.campplus` and `shared.voiceprints.ecapa` are two."""

    @property
    def calibration(self) -> Calibration:
        """What the clusterer must know about this embedder's voiceprints."""

    def embed(self, pieces: Sequence[tuple[Float32s, Bools]]) -> list[Float32s]:
        """One L2-normalised float32 voiceprint for each (window of 80000 samples at 16 kHz, mask of its 293 frames).

        A voiceprint does not depend on which other pieces are in the batch. A mask without a frame is a ValueError.
        """
