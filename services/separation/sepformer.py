"""SepFormer (Subakan et al., "Attention is all you need in speech separation", 2021) from any SpeechBrain checkpoint.

A hub id, or a folder that holds what SpeechBrain's `SepformerSeparation.from_hparams` reads: hyperparams.yaml and the
files that its pretrainer names (encoder.ckpt, masknet.ckpt, decoder.ckpt). The rate and the number of voices are the
checkpoint's. Runs under torch, one mixture at a time.
"""

import numpy as np

from speakerline.services.separation.levels import LEAST_S, fitted, levelled
from speakerline.shared.arrays import Float32s
from speakerline.shared.models.speechbrain_checkpoint import open_checkpoint

INTERFACE = "separation.SepformerSeparation"
DEFAULT_SOURCE = "speechbrain/sepformer-whamr"
"""8 kHz, two voices, trained with noise and rooms."""


class SepFormer:
    """A separator by setting. Its outputs are scaled to add up to the mixture, never each to its own peak."""

    name = "sepformer"

    def __init__(self, source: str = "", threads: int = 1) -> None:
        self._model = open_checkpoint(INTERFACE, source or DEFAULT_SOURCE, DEFAULT_SOURCE, threads)
        self.rate = int(self._model.hparams.sample_rate)
        self.voices = int(self._model.hparams.num_spks)

    def separate(self, mixture: Float32s) -> Float32s:
        """(n,) at `rate` to (voices, n)."""
        import torch

        if len(mixture) < LEAST_S * self.rate or not mixture.any():
            return np.zeros((self.voices, len(mixture)), np.float32)
        with torch.inference_mode():
            outputs = self._model.separate_batch(torch.from_numpy(levelled(mixture))[None])[0].numpy().T
        return fitted(outputs, mixture)
