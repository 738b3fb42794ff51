"""Turns the models that ship inside pip packages into ONNX files, once.

Run time needs only onnxruntime: it starts in 0.2 s where torch and pyannote take 8 s, and its answers do not depend
on the batch size, which torch's do. Files carry a hash of the source weights in their name and are written
atomically, so several workers may prepare the same folder at the same time.
"""

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from speakerline.shared.models.files import ModelMissing, packaged_file

if TYPE_CHECKING:
    import onnxruntime

EXPORT_VERSION = 1
"""Part of the file name: raise it when the way of exporting changes."""


def models_folder() -> Path:
    """Where converted models are kept: $SPEAKERLINE_MODELS, or ~/.cache/speakerline/models."""
    chosen = os.environ.get("SPEAKERLINE_MODELS")
    return Path(chosen) if chosen else Path.home() / ".cache" / "speakerline" / "models"


def segmentation_model(folder: Path | None = None) -> Path:
    """PyanNet local segmentation (pyannote/segmentation, MIT, inside whisperx) as ONNX: (B, 1, 80000) -> (B, 293,
    3)."""
    source = packaged_file("whisperx", "assets/pytorch_model.bin")
    return _converted("segmentation", source, folder or models_folder(), _export_segmentation)


def ge2e_model(folder: Path | None = None) -> Path:
    """Resemblyzer's GE2E voice encoder as ONNX: mel partials (B, 160, 40) -> L2-normalised (B, 256)."""
    source = packaged_file("resemblyzer", "pretrained.pt")
    return _converted("ge2e", source, folder or models_folder(), _export_ge2e)


def prepare_models(folder: Path | None = None) -> list[Path]:
    """Convert everything the default configuration runs; returns the files. A few seconds once, then nothing."""
    return [segmentation_model(folder), ge2e_model(folder)]


def open_session(model: Path, threads: int = 1) -> "onnxruntime.InferenceSession":
    """An onnxruntime session on the CPU with a fixed number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _converted(name: str, source: Path, folder: Path, export: Callable[[Path, Path], None]) -> Path:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    target = folder / f"{name}-{digest}-v{EXPORT_VERSION}.onnx"
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}-", suffix=".onnx")
    os.close(handle)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            export(source, Path(temporary))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def _export_segmentation(source: Path, target: Path) -> None:
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    import torch
    from pyannote.audio import Model

    model = Model.from_pretrained(source)
    if model is None:
        raise ModelMissing(f"pyannote could not read the segmentation weights {source}")
    model.eval()
    _export(model, torch.zeros(1, 1, 80_000), target)


def _export_ge2e(source: Path, target: Path) -> None:
    import torch

    class VoiceEncoder(torch.nn.Module):
        """The network of Resemblyzer's `voice_encoder.py`, without its audio imports."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
            self.linear = torch.nn.Linear(256, 256)

        def forward(self, mels: torch.Tensor) -> torch.Tensor:
            _, (hidden, _) = self.lstm(mels)
            raw = torch.relu(self.linear(hidden[-1]))
            unit: torch.Tensor = raw / torch.norm(raw, dim=1, keepdim=True)
            return unit

    model = VoiceEncoder()
    weights = torch.load(source, map_location="cpu", weights_only=False)["model_state"]
    model.load_state_dict({key: value for key, value in weights.items() if key.split(".")[0] in ("lstm", "linear")})
    _export(model.eval(), torch.zeros(1, 160, 40), target)


def _export(model: object, example: object, target: Path) -> None:
    import torch

    torch.onnx.export(
        model,  # type: ignore[arg-type]
        (example,),
        str(target),
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
