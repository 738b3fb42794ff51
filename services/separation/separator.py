"""The one thing the separation stage needs from a model, and how a model is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import soxr

from speakerline.services.separation.beamforming import delay_and_sum, find_array
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing

Model = Literal["dualpath", "sepformer", "pixit"]


class SourceSeparator(Protocol):
    """Separates voices from their mixture; `services.separation.masks`, `.sepformer` and `.pixit` are three."""

    @property
    def name(self) -> str:
        """For events and tables."""

    @property
    def rate(self) -> int:
        """Samples a second that it works at."""

    @property
    def voices(self) -> int:
        """How many outputs it gives: the most people that it can separate."""

    def separate(self, mixture: Float32s) -> Float32s:
        """(n,) float32 in -1..1 at `rate` to (voices, n), at the levels that the voices have in the mixture.

        An output without a voice is near silence. The order of the outputs means nothing."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Sound of a call with several voices in it: (n,) samples at `rate`. voices: how many were counted.

    channels: (channels, n) of a call with more than two, which may be microphones of one room."""

    samples: Float32s
    rate: int
    voices: int = 2
    channels: Float32s | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models as configured; plain values, so that a child process can load them.

    source: hub id or folder, "" for the one that ships. three_source: of a model of the same kind for three voices at
    once, "" for none."""

    model: Model = "dualpath"
    source: str = ""
    three_source: str = ""
    threads: int = 1


def load_separator(model: Model, source: str = "", threads: int = 1) -> SourceSeparator:
    """The model itself. Raises ModelMissing where its weights can't be found."""
    if model == "sepformer":
        from speakerline.services.separation.sepformer import SepFormer

        return SepFormer(source, threads)
    if model == "pixit":
        from speakerline.services.separation.pixit import PixIt

        return PixIt(source, threads)
    from speakerline.services.separation.masks import Masks

    return Masks(Path(source), threads) if source else Masks(threads=threads)


def check_source(chosen: Chosen) -> None:
    """Raises ModelMissing where the file of a small model is missing; large ones are checked by loading."""
    if chosen.model == "dualpath":
        from speakerline.services.separation.masks import SHIPPED, check_file

        for source in (chosen.source or SHIPPED, chosen.three_source or SHIPPED):
            check_file(Path(source))


def build(chosen: Chosen) -> Callable[[list[Mixture]], list[Float32s]]:
    """Load the models, and give what maps mixtures to voices (voices, n) at the rate of each mixture.

    Made for `shared.runtime.isolation`. One mixture at a time, so that none influences another."""
    two = load_separator(chosen.model, chosen.source, chosen.threads)
    three = load_separator(chosen.model, chosen.three_source, chosen.threads) if chosen.three_source else two
    if chosen.three_source and three.voices < 3:
        raise ModelMissing(f"{chosen.three_source} separates {three.voices} voices: expected a model for three")

    def run(batch: Sequence[Mixture]) -> list[Float32s]:
        return [separate_at(three if one.voices > two.voices else two, _beam(one), one.rate) for one in batch]

    return run


def _beam(mixture: Mixture) -> Float32s:
    """The mixture as it is, or as one beam of the microphones of a room."""
    if mixture.channels is None:
        return mixture.samples
    array = find_array(mixture.channels, mixture.rate)
    return mixture.samples if array is None else delay_and_sum(mixture.channels, array)


def separate_at(separator: SourceSeparator, samples: Float32s, rate: int) -> Float32s:
    """Separate sound of any rate; what lies above half the model's rate is lost."""
    if rate == separator.rate:
        return separator.separate(samples)
    given = np.asarray(soxr.resample(samples, rate, separator.rate, quality="HQ"), np.float32)
    voices = separator.separate(given)
    back = np.asarray(soxr.resample(voices.T, separator.rate, rate, quality="HQ"), np.float32).T
    missing = max(0, len(samples) - back.shape[1])
    return np.ascontiguousarray(np.pad(back, ((0, 0), (0, missing)))[:, : len(samples)])
