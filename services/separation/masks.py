"""The separator that ships: a mask for each voice from an ONNX file, between a Fourier transform and its inverse."""

from pathlib import Path

import numpy as np

from speakerline.services.separation.source_order import best_order
from speakerline.services.separation.spectrum import HOP, RATE, istft, level_of, stft
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.models.onnx import open_session

SHIPPED = Path(__file__).with_name("separator.onnx")
LEAST = 256
"""Shorter sound, in samples, has no spectrum to speak of."""


def check_file(model: Path) -> None:
    """Raises ModelMissing where there is none."""
    if not model.is_file():
        raise ModelMissing(f"no separator at {model}; make one with `python -m speakerline.tools.training.export`")


class Masks:
    """Dual-path network of `tools.training.network` under onnxruntime."""

    name = "dualpath"
    rate = RATE

    def __init__(self, model: Path = SHIPPED, threads: int = 1) -> None:
        """model: a file that `tools.training.export` wrote, of a network that is not causal."""
        check_file(model)
        try:
            self._session = open_session(model, threads)
            facts = self._session.get_modelmeta().custom_metadata_map
            self.voices = int(facts["voices"])
        except Exception as error:
            raise ModelMissing(f"{model} is no separator of tools.training.export: {error}") from error
        if facts.get("causal") == "1":
            raise ModelMissing(f"{model} is causal, made for live chunks: whole overlaps want one that is not")

    def separate(self, mixture: Float32s) -> Float32s:
        """(n,) at 8 kHz to (voices, n): the mean of what is found with frames here and with frames half a hop later,
        whose errors differ."""
        if len(mixture) < LEAST:
            return np.zeros((self.voices, len(mixture)), np.float32)
        half = HOP // 2
        spectra = np.stack([stft(np.pad(mixture, place)) for place in ((0, half), (half, 0))])
        given = {"spectrum": spectra, "level": np.stack([level_of(one) for one in spectra])}
        here, later = istft(self._session.run(None, given)[0], len(mixture) + half)
        here, later = here[:, : len(mixture)], later[:, half:]
        order, _ = best_order(here @ later.T)
        mean: Float32s = (here + later[list(order)]) / 2
        return mean
