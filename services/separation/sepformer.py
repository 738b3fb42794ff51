"""SepFormer (Subakan et al., "Attention is all you need in speech separation", 2021) from any SpeechBrain checkpoint.

A hub id, or a folder that holds what SpeechBrain's `SepformerSeparation.from_hparams` reads: hyperparams.yaml and the
files that its pretrainer names (encoder.ckpt, masknet.ckpt, decoder.ckpt). The rate and the number of voices are the
checkpoint's. Runs under torch, one mixture at a time.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from services.embedding.prepare import models_folder
from services.embedding.windows import Floats
from services.model_files import ModelMissing
from services.separation.levels import LEAST_S, fitted, heard

DEFAULT_SOURCE = "speechbrain/sepformer-whamr"
"""8 kHz, two voices, trained with noise and rooms."""


class SepFormer:
    """A separator by setting. Its outputs are scaled to add up to the mixture, never each to its own peak."""

    name = "sepformer"

    def __init__(self, source: str = "", threads: int = 1) -> None:
        self._model = _load(source or DEFAULT_SOURCE, threads)
        self.rate = int(self._model.hparams.sample_rate)
        self.voices = int(self._model.hparams.num_spks)

    def separate(self, mixture: Floats) -> Floats:
        """(n,) at `rate` to (voices, n)."""
        import torch

        if len(mixture) < LEAST_S * self.rate or not mixture.any():
            return np.zeros((self.voices, len(mixture)), np.float32)
        with torch.inference_mode():
            outputs = self._model.separate_batch(torch.from_numpy(heard(mixture))[None])[0].numpy().T
        return fitted(outputs, mixture)


def _load(source: str, threads: int) -> Any:
    """SpeechBrain's model on the CPU; nothing is written beside the source."""
    folder = Path(source)
    local = folder.is_dir()
    if local and not (folder / "hyperparams.yaml").is_file():
        raise ModelMissing(f"{folder} is not a SpeechBrain checkpoint: it has no hyperparams.yaml")
    if not local and (folder.is_absolute() or source.startswith(".") or source.count("/") != 1):
        raise ModelMissing(f"no folder at {source!r}, and it is not a hub id such as {DEFAULT_SOURCE!r}")
    try:
        import torch
        from speechbrain.inference.separation import SepformerSeparation
        from speechbrain.utils.fetching import LocalStrategy
    except ImportError as error:
        raise ModelMissing("SepFormer needs speechbrain: pip install speechbrain") from error
    torch.set_num_threads(threads)
    logging.getLogger("speechbrain").setLevel(logging.ERROR)
    try:
        model = SepformerSeparation.from_hparams(
            source=str(folder.resolve()) if local else source,
            savedir=str(folder if local else models_folder() / source.replace("/", "--")),
            local_strategy=LocalStrategy.NO_LINK if local else LocalStrategy.COPY,
        )
    except Exception as error:
        raise ModelMissing(
            f"could not load {source!r}: {error}. Download the checkpoint where there is a network "
            f"(huggingface-cli download {DEFAULT_SOURCE} --local-dir FOLDER) and name the folder instead"
        ) from error
    if model is None:
        raise ModelMissing(f"could not load {source!r}: SpeechBrain gave nothing back")
    return model.eval()
