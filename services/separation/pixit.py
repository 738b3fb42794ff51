"""pyannote's ToTaToNet (Kalda et al., "PixIT: Joint training of speaker diarization and speech separation", 2024).

A hub id, or a folder or file with pyannote's `pytorch_model.bin` of that class. It gives the voices and when each of
them speaks; the second silences the first where nobody is. pyannote's pipeline of the same name diarizes whole
recordings, which is the work of other stages here, so only its network is run.
"""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from speakerline.services.separation.levels import LEAST_S, fitted, levelled
from speakerline.shared.arrays import Bools, Float32s
from speakerline.shared.models.files import ModelMissing, models_folder

DEFAULT_SOURCE = "pyannote/separation-ami-1.0"
"""The network of pyannote/speech-separation-ami-1.0: 16 kHz, three voices."""
ACTIVE = 0.5
COLLAR_S = 0.3
"""What is kept around the spans in which a voice is active."""


class PixIt:
    """A separator by setting, silent where its own diarization finds no voice. One mixture at a time, in torch."""

    name = "pixit"

    def __init__(self, source: str = "", threads: int = 1) -> None:
        self._model = _load(source or DEFAULT_SOURCE, threads)
        self.rate = int(self._model.hparams.sample_rate)
        self.voices = int(self._model.n_sources)

    def separate(self, mixture: Float32s) -> Float32s:
        """(n,) at `rate` to (voices, n): scaled to add up to the mixture, zero where the voice is not active."""
        if len(mixture) < LEAST_S * self.rate or not mixture.any():
            return np.zeros((self.voices, len(mixture)), np.float32)
        activity, outputs = self._run(mixture)
        return fitted(outputs * self._open(activity, len(mixture)), mixture)

    def _run(self, mixture: Float32s) -> tuple[Float32s, Float32s]:
        """The probability that each voice speaks, (voices, frames), and the voices (voices, n) at any level."""
        import torch

        with torch.inference_mode():
            activity, outputs = self._model(torch.from_numpy(levelled(mixture))[None, None])
        return activity[0].numpy().T, outputs[0].numpy().T

    def _open(self, activity: Float32s, samples: int) -> Bools:
        """Where each voice may be heard: (voices, samples)."""
        from scipy.ndimage import binary_dilation

        frames = activity.shape[1]
        if not frames:
            return np.ones((self.voices, samples), np.bool_)
        at = np.minimum(np.arange(samples) * frames // samples, frames - 1)
        around = 2 * round(COLLAR_S * self.rate * frames / samples) + 1
        active = [binary_dilation(row > ACTIVE, np.ones(around, np.bool_)) for row in activity]
        return np.stack(active)[:, at]


def _load(source: str, threads: int) -> Any:
    """pyannote's model on the CPU."""
    path = Path(source)
    file = path / "pytorch_model.bin" if path.is_dir() else path
    if path.exists() and not file.is_file():
        raise ModelMissing(f"{path} is not a pyannote model: it has no pytorch_model.bin")
    if not path.exists() and (path.is_absolute() or source.startswith(".") or source.count("/") != 1):
        raise ModelMissing(f"nothing at {source!r}, and it is not a hub id such as {DEFAULT_SOURCE!r}")
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    try:
        import torch
        from pyannote.audio import Model
    except ImportError as error:
        raise ModelMissing("PixIT needs pyannote.audio: pip install speakerline[models]") from error
    torch.set_num_threads(threads)
    load_parts()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cache = None if path.exists() else models_folder()
            model: Any = Model.from_pretrained(file if path.exists() else source, cache_dir=cache)
    except Exception as error:
        raise ModelMissing(
            f"could not load {source!r}: {error}. Accept its terms, download it and microsoft/wavlm-large, which it is "
            f"built on, where there is a network (huggingface-cli download {DEFAULT_SOURCE} --local-dir FOLDER), and "
            "name the folder instead"
        ) from error
    if not hasattr(model, "n_sources"):
        raise ModelMissing(
            f"{source!r} is a {type(model).__name__} of pyannote: expected a ToTaToNet, as {DEFAULT_SOURCE}"
        )
    logging.getLogger("lightning").setLevel(logging.ERROR)
    return model.eval()


def load_parts() -> None:
    """Give pyannote's class the parts of asteroid that it uses, where asteroid is not installed."""
    import importlib

    module = importlib.import_module("pyannote.audio.models.separation.ToTaToNet")
    if module.ASTEROID_IS_AVAILABLE:
        return
    from speakerline.services.separation.dprnn import Dprnn

    def pad_x_to_y(x: Any, y: Any) -> Any:
        """Zeros at the end of x, or a cut, to the length of y."""
        from torch.nn.functional import pad

        return pad(x, (0, y.shape[-1] - x.shape[-1]))

    vars(module).update(DPRNN=Dprnn, pad_x_to_y=pad_x_to_y, ASTEROID_IS_AVAILABLE=True)
