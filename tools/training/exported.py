"""The network back from an exported file, so that a training can begin with the weights that ship.

An LSTM of ONNX holds weights (directions, 4 * hidden, n) and biases (directions, 8 * hidden) with its gates in another
order than torch; what torch multiplies by `weight.T` stands there transposed. All else has its name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speakerline.tools.training.network import MaskNetwork, NetworkSettings

GATES = (0, 2, 3, 1)
"""Of ONNX (input, output, forget, cell) as torch has them (input, forget, cell, output)."""
PREFIX = "network."


def read_exported(path: Path) -> MaskNetwork:
    """The network in a file of `tools.training.export`. Raises ValueError for a file that is none."""
    import onnx

    try:
        model = onnx.load(str(path))
        found = {one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy()) for one in model.graph.initializer}
        facts = {one.key: int(one.value) for one in model.metadata_props}
        nodes = [node for node in model.graph.node if node.op_type in ("LSTM", "MatMul")]
        weights = {name.removeprefix(PREFIX): value for name, value in found.items() if name.startswith(PREFIX)}
        blocks = sum(node.op_type == "LSTM" for node in nodes) // 2
        network = MaskNetwork(_settings(facts, weights["split"].shape[-1], blocks))
        weights |= dict(_recurrent(nodes, found)) | dict(_dense(nodes, found))
        network.load_state_dict(weights)
    except Exception as error:
        raise ValueError(f"{path} is no file of tools.training.export: {error}") from error
    return network.eval()


def _settings(facts: dict[str, int], features: int, blocks: int) -> NetworkSettings:
    bands, hidden, voices, causal = (facts[name] for name in ("bands", "hidden", "voices", "causal"))
    return NetworkSettings(bands, features, hidden, blocks, voices, bool(causal))


def _recurrent(nodes: list[Any], found: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for node in (node for node in nodes if node.op_type == "LSTM"):
        layer = _layer_of(node)
        inputs, hidden, biases = (found[name] for name in node.input[1:4])
        for direction, suffix in enumerate(("", "_reverse")[: len(inputs)]):
            of_inputs, of_hidden = biases[direction].chunk(2)
            parts = {"weight_ih": inputs[direction], "weight_hh": hidden[direction]}
            parts |= {"bias_ih": of_inputs, "bias_hh": of_hidden}
            for name, values in parts.items():
                gates = values.chunk(4)
                yield f"{layer}.{name}_l0{suffix}", torch.cat([gates[gate] for gate in GATES])


def _dense(nodes: list[Any], found: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for node in (node for node in nodes if node.op_type == "MatMul" and node.input[1] in found):
        yield f"{_layer_of(node)}.weight", found[node.input[1]].T


def _layer_of(node: Any) -> str:
    """Of a node such as /network/blocks.0/band_path/LSTM the layer, blocks.0.band_path."""
    return ".".join(node.name.strip("/").split("/")[1:-1])
