"""Silero VAD as published → ``weights/silero_vad.onnx``: the same weights, a third of the time.

    pip download silero-vad==6.2.3 --no-deps && unzip silero_vad-*.whl
    python tools/silero_vad_graph.py silero_vad/data/silero_vad_16k_sequence.onnx OUT

Its convolutions run over rows of five samples or fewer, of as many rows as there are frames. ONNX Runtime
takes each row by itself; one matrix product over all of them takes a third of the time. A frame of the
spectrum that the published graph computes and leaves out is not computed. Both graphs are asked about noise.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

HOP, BINS = 128, 129
STRIDES = (1, 2, 2, 1)  # of the four layers, each of which looks at three moments
TOLERANCE = 1e-4


class Graph:
    """Nodes and constants, as they come; every method returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: ArrayLike) -> str:
        """Add a constant."""
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def cut(self, value: str, start: int, stop: int, axis: int, output: str, step: int = 1) -> str:
        """Add a slice along one axis."""
        bounds = {"from": start, "to": stop, "along": axis, "by": step}
        names = [self.constant(f"{output}_{word}", np.array([number])) for word, number in bounds.items()]
        return self.node("Slice", [value, *names], output)


def rewritten(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the network with products in place of all that comes before its memory."""
    published, graph = model.graph, Graph()
    weights = {each.name: numpy_helper.to_array(each) for each in published.initializer}
    ends = graph.constant("ends", np.array([0, 0, 0, HOP // 2]))
    x = graph.node("Pad", ["input", ends], "mirrored", mode="reflect")
    x = graph.node("Reshape", [x, graph.constant("halves", np.array([-1, 5, HOP]))], "parts")
    halves = [graph.cut(x, 0, 4, 1, "first_halves"), graph.cut(x, 1, 5, 1, "second_halves")]
    x = graph.node("Concat", halves, "frames", axis=2)
    basis = graph.constant("basis", weights["stft.forward_basis_buffer"][:, 0].T.copy())
    x = graph.node("MatMul", [x, basis], "spectrum")
    x = graph.node("Mul", [x, x], "squares")
    parts = [graph.cut(x, 0, BINS, 2, "real_squares"), graph.cut(x, BINS, 2 * BINS, 2, "imaginary_squares")]
    x = graph.node("Sqrt", [graph.node("Add", parts, "power")], "magnitude")
    moments = 4
    for layer, stride in enumerate(STRIDES):
        weight = weights[f"encoder.{layer}.weight"]
        beside = graph.constant(f"beside_{layer}", np.array([0, 1, 0, 0, 1, 0]))
        wide = graph.node("Pad", [x, beside], f"wide_{layer}")
        moments = (moments - 1) // stride + 1
        last = stride * (moments - 1) + 1
        taps = [graph.cut(wide, tap, tap + last, 1, f"tap_{layer}_{tap}", stride) for tap in range(3)]
        product = graph.constant(f"weight_{layer}", weight.transpose(2, 1, 0).reshape(-1, len(weight)).copy())
        x = graph.node(
            "MatMul", [graph.node("Concat", taps, f"taps_{layer}", axis=2), product], f"product_{layer}"
        )
        bias = graph.constant(f"bias_{layer}", weights[f"encoder.{layer}.bias"])
        x = graph.node("Add", [x, bias], f"sum_{layer}")
        x = graph.node("Relu", [x], f"layer_{layer}" if layer < 3 else "/Transpose_output_0")
    start = next(place for place, node in enumerate(published.node) if node.op_type == "LSTM")
    rest = list(published.node[start:])
    asked = {name for node in rest for name in node.input}
    before = [
        node for node in published.node[:start] if node.op_type == "Constant" and node.output[0] in asked
    ]
    kept = [each for each in published.initializer if each.name in asked]
    made = helper.make_model(
        helper.make_graph(
            [*graph.nodes, *before, *rest],
            published.name,
            list(published.input),
            list(published.output),
            [*kept, *graph.constants],
        ),
        opset_imports=list(model.opset_import),
    )
    made.ir_version = model.ir_version
    onnx.checker.check_model(made, full_check=True)
    return made


def main() -> None:
    source, output = map(Path, sys.argv[1:])
    content = rewritten(onnx.load(source)).SerializeToString(deterministic=True)
    one, other = (
        onnxruntime.InferenceSession(each, providers=["CPUExecutionProvider"])
        for each in (source.read_bytes(), content)
    )
    rng = np.random.default_rng(0)
    for frames in (1, 7, 512):
        memory = rng.normal(0, 0.1, (2, 1, 1, 128)).astype(np.float32)
        sound = rng.normal(0, 0.1, (frames, 576)).astype(np.float32)
        inputs = {"input": sound, "h": memory[0], "c": memory[1]}
        for expected, found in zip(one.run(None, inputs), other.run(None, inputs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=TOLERANCE)
    output.write_bytes(content)


if __name__ == "__main__":
    main()
