"""Prepares an exported graph for quantization, and makes a quantized one cheaper."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from speakerline.shared.arrays import AnyArray

MICROSOFT = "com.microsoft"
"""The domain of the operators that onnxruntime adds."""

REDUCE_RANGE = True
"""Weights have 7 bits. Processors without VNNI add two products in 16 bits, which overflow with 8: the models would
hear something else there."""


def quantizable(model: Path) -> None:
    """Fold constants and infer shapes, in place."""
    quant_pre_process(str(model), str(model), skip_symbolic_shape=True)


def with_fewer_nodes(model: onnx.ModelProto) -> None:
    """The same numbers, to the bit, from fewer nodes, in place.

    DequantizeLinear ─> Relu ─> QuantizeLinear     QLinearLeakyRelu, which onnxruntime does by a table of 256 numbers
    Mul by 2 ─> QuantizeLinear                     QuantizeLinear with half of the scale
    """
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes: dict[str, onnx.NodeProto] = {name: node for name, node in made_by.items() if name == node.output[0]}
    for node in (node for node in graph.node if node.op_type == "QuantizeLinear"):
        before = made_by.get(node.input[0])
        if before is None or uses[node.input[0]] > 1:
            continue
        whole = made_by.get(before.input[0])
        if before.op_type == "Relu" and whole is not None and whole.op_type == "DequantizeLinear":
            if uses[before.input[0]] == 1:
                nodes[node.output[0]] = _table(node, [*whole.input, *node.input[1:]])
                del nodes[before.output[0]], nodes[before.input[0]]
        elif before.op_type == "Mul" and np.all(_constant(before.input[1], made_by, constants) == 2):
            half = f"{node.input[1]}_half"
            graph.initializer.append(numpy_helper.from_array(constants[node.input[1]] / np.float32(2), half))
            inputs = [before.input[0], half, node.input[2]]
            nodes[node.output[0]] = helper.make_node("QuantizeLinear", inputs, node.output, node.name)
            del nodes[before.output[0]]
    del graph.node[:]
    graph.node.extend(nodes.values())
    if not any(opset.domain == MICROSOFT for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))


def _table(node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
    """With the outputs of `node`."""
    return helper.make_node("QLinearLeakyRelu", inputs, node.output, node.name, domain=MICROSOFT, alpha=0.0)


def _constant(name: str, made_by: Mapping[str, onnx.NodeProto], constants: Mapping[str, AnyArray]) -> AnyArray:
    """Its value; not a number where it is none."""
    node = made_by.get(name)
    if node is not None and node.op_type == "Constant":
        return numpy_helper.to_array(node.attribute[0].t)
    return constants.get(name, np.array(np.nan))
