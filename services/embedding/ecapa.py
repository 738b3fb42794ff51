"""ECAPA-TDNN voiceprints (Desplanques et al., 2020) from any SpeechBrain checkpoint: a hub id or a folder.

A folder holds what SpeechBrain's `EncoderClassifier.from_hparams` reads: hyperparams.yaml and the checkpoints that
its pretrainer names (embedding_model.ckpt, ...). Runs under torch, one piece at a time, so that a voiceprint does not
depend on its batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.embedding.calibration import Calibration
from services.embedding.local_voices import Mask
from services.embedding.mel import HOP
from services.embedding.prepare import models_folder
from services.embedding.rows import mask_rows
from services.embedding.windows import Floats
from services.model_files import ModelMissing

DEFAULT_SOURCE = "speechbrain/spkrec-ecapa-voxceleb"
MIN_SAMPLES = 16_000
"""Shorter pieces are tiled to one second: the pooling needs some frames."""


class Ecapa:
    """An embedder by setting; its calibration comes from `speakerline calibrate`, for thresholds differ between
    checkpoints."""

    def __init__(self, source: str = DEFAULT_SOURCE, calibration: Calibration | None = None, threads: int = 1) -> None:
        self._calibration = calibration
        self._source = source
        self._encoder = _load(source, threads)

    @property
    def calibration(self) -> Calibration:
        """The calibration given; there is no general one."""
        if self._calibration is None:
            raise ModelMissing(
                f"the embedder {self._source!r} has no calibration; make one with `speakerline calibrate` from "
                "labelled or simulated calls and name it in SPEAKERLINE_CALIBRATION"
            )
        return self._calibration

    def embed(self, pieces: Sequence[tuple[Floats, Mask]]) -> list[Floats]:
        """L2-normalised voiceprints of the masked samples."""
        import torch

        found = []
        for window, mask in pieces:
            rows = mask_rows(mask)
            if not len(rows):
                raise ValueError("a voiceprint needs at least one frame, the mask has none")
            samples = window.reshape(-1, HOP)[rows].ravel()
            samples = np.resize(samples, max(len(samples), MIN_SAMPLES))
            with torch.inference_mode():
                vector = self._encoder.encode_batch(torch.from_numpy(samples)[None]).numpy().ravel()
            found.append(np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32))
        return found


def _load(source: str, threads: int) -> Any:
    """SpeechBrain's encoder on the CPU; nothing is written beside the source."""
    folder = Path(source)
    local = folder.is_dir()
    if local and not (folder / "hyperparams.yaml").is_file():
        raise ModelMissing(f"{folder} is not a SpeechBrain checkpoint: it has no hyperparams.yaml")
    if not local and (folder.is_absolute() or source.startswith(".") or source.count("/") != 1):
        raise ModelMissing(f"no folder at {source!r}, and it is not a hub id such as {DEFAULT_SOURCE!r}")
    try:
        import torch
        from speechbrain.inference.speaker import EncoderClassifier
        from speechbrain.utils.fetching import LocalStrategy
    except ImportError as error:
        raise ModelMissing("the ECAPA embedder needs speechbrain: pip install speechbrain") from error
    torch.set_num_threads(threads)
    logging.getLogger("speechbrain").setLevel(logging.ERROR)
    savedir = folder if local else models_folder() / source.replace("/", "--")
    try:
        encoder = EncoderClassifier.from_hparams(
            source=str(folder.resolve()) if local else source,
            savedir=str(savedir),
            local_strategy=LocalStrategy.NO_LINK if local else LocalStrategy.COPY,
            overrides={"pretrained_path": str(folder.resolve())} if local and _names_a_path(folder) else {},
        )
    except Exception as error:
        raise ModelMissing(
            f"could not load {source!r}: {error}. Download the checkpoint where there is a network "
            f"(huggingface-cli download {DEFAULT_SOURCE} --local-dir FOLDER) and name the folder instead"
        ) from error
    if encoder is None:
        raise ModelMissing(f"could not load {source!r}: SpeechBrain gave nothing back")
    return encoder.eval()


def _names_a_path(folder: Path) -> bool:
    """Whether hyperparams.yaml has `pretrained_path`, as SpeechBrain's published checkpoints do (it points at the
    hub)."""
    lines = (folder / "hyperparams.yaml").read_text("utf-8").splitlines()
    return any(line.startswith("pretrained_path:") for line in lines)
