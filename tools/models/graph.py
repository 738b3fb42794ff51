"""Prepares an exported graph for quantization."""

from pathlib import Path

from onnxruntime.quantization.shape_inference import quant_pre_process


def quantizable(model: Path) -> None:
    """Fold constants and infer shapes, in place."""
    quant_pre_process(str(model), str(model), skip_symbolic_shape=True)
