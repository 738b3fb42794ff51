"""Opens ONNX models. onnxruntime starts in 0.2 s, where torch takes seconds."""

from pathlib import Path
from typing import TYPE_CHECKING

from speakerline.shared.models.files import ModelMissing

if TYPE_CHECKING:
    import onnxruntime


def open_session(model: Path, threads: int = 1) -> "onnxruntime.InferenceSession":
    """An onnxruntime session on the CPU with a fixed number of threads. Raises ModelMissing."""
    import onnxruntime

    if not model.is_file():
        raise ModelMissing(f"no model at {model}; where it belongs to the installation, install speakerline again")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the errors of onnxruntime have no common base
        raise ModelMissing(f"{model} is no ONNX model that can be run: {error}") from error
