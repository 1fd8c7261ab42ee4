"""What an ONNX graph computes and moves, from the shapes of one run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from antispoof.files import onnx_session

__all__ = ["Macs", "Sizes", "count_macs", "moved_bytes", "peak_bytes", "shapes", "weight_bytes"]

Sizes = Mapping[str, tuple[tuple[int, ...], int]]
"""Name of a result → its shape and bytes; weights have no bytes here, as they are no activations."""

PRODUCTS = {
    "Conv": (0, 1),
    "FusedConv": (0, 1),
    "ConvInteger": (0, 1),
    "QLinearConv": (0, 3),
    "ConvTranspose": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
}
"""Operator → which inputs are multiplied."""

ROUNDED = ("QuantizeLinear", "DequantizeLinear")
VIEWS = ("Constant", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", *ROUNDED)
"""What computes nothing, or is joined to its neighbours before it runs."""


@dataclass(frozen=True, slots=True)
class Macs:
    """Multiplications with addition: all, and those of 8-bit integers."""

    whole: int
    integers: int


def shapes(model: Any, inputs: Mapping[str, NDArray[Any]]) -> Sizes:
    """Run once with every intermediate result as an output."""
    import onnx

    told = onnx.ModelProto()
    told.CopyFrom(model)
    names = [name for node in told.graph.node for name in node.output if name]
    del told.graph.output[:]
    told.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    values = onnx_session(told.SerializeToString(), optimised=False).run(names, dict(inputs))
    found = {name: (tuple(value.shape), int(value.nbytes)) for name, value in zip(names, values, strict=True)}
    found |= {name: (tuple(value.shape), int(value.nbytes)) for name, value in inputs.items()}
    return found | {tensor.name: (tuple(tensor.dims), 0) for tensor in model.graph.initializer}


def count_macs(model: Any, sizes: Sizes) -> Macs:
    """Count multiplications with addition in convolutions and matrix products; nothing else is counted."""
    rounded = {name for node in model.graph.node if node.op_type in ROUNDED for name in node.output}
    total = integers = 0
    for node in model.graph.node:
        if node.op_type not in PRODUCTS:
            continue
        out = sizes[node.output[0]][0]
        first, second = (sizes[node.input[place]][0] for place in PRODUCTS[node.op_type])
        if node.op_type == "ConvTranspose":
            macs = math.prod(first) * math.prod(second[1:])
        elif node.op_type.endswith(("Conv", "ConvInteger")):
            macs = math.prod(out) * math.prod(second[1:])
        elif node.op_type == "Gemm":
            transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
            macs = math.prod(out) * first[0 if transposed else 1]
        else:
            macs = math.prod(out) * first[-1]
        total += macs
        named = node.op_type.startswith("QLinear") or node.op_type.endswith("Integer")
        if named or all(node.input[place] in rounded for place in PRODUCTS[node.op_type]):
            integers += macs
    return Macs(total, integers)


def peak_bytes(model: Any, sizes: Sizes) -> int:
    """Walk the graph in its order; a result lives from where it is made to where it is last used."""
    last: dict[str, int] = {one.name: len(model.graph.node) for one in model.graph.output}
    for number, node in enumerate(model.graph.node):
        for name in node.input:
            last[name] = max(last.get(name, 0), number)
    alive = {one.name: sizes[one.name][1] for one in model.graph.input if one.name in sizes}
    most = sum(alive.values())
    for number, node in enumerate(model.graph.node):
        if node.op_type != "Constant":
            alive |= {name: sizes[name][1] for name in node.output if name}
        most = max(most, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > number}
    return most


def weight_bytes(model: Any) -> int:
    """Bytes of the stored numbers, as they are stored."""
    import onnx

    return sum(
        math.prod(tensor.dims) * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in model.graph.initializer
    )


def moved_bytes(model: Any, sizes: Sizes) -> int:
    """Bytes that go to and from memory where no cache keeps anything from one operator to the next.

    Every operator reads its inputs and writes its outputs, and every weight is read once. Numbers between
    operators of integers have one byte.
    """
    known = {name: size for name, (_, size) in sizes.items()}
    weights = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ROUNDED:
            for name in node.output:
                known[name] = math.prod(sizes[name][0])
            if node.input[0] in weights:  # a weight that is kept in integers: counted with the weights
                weights.update(node.output)
    moved = weight_bytes(model)
    for node in model.graph.node:
        if node.op_type not in VIEWS:
            moved += sum(known.get(name, 0) for name in (*node.input, *node.output) if name not in weights)
    return moved
