"""A graph → one that says the same, in the form that ONNX Runtime is quickest with and soonest ready for.

Constants are folded and normalisations join their convolutions, so that no process does it anew. Depthwise
convolutions get a multiple of 16 channels, those that are added being zero: of another number, as in pruned
networks, ONNX Runtime leaves its blocked layout and takes several times as long. PReLU is spelt out: its own
kernel asks for the sign of every value, and takes several times as long where signs change from place to
place, as they do on real pictures. Equal constants are kept once, where the exporter writes one table twice.

References:
    E. Georganas et al., "Anatomy of High-Performance Deep Learning Convolutions on SIMD Architectures",
    SC 2018, for the blocked layout.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = [
    "fast_graph",
    "folded",
    "joined_integers",
    "pad_in_convolutions",
    "round_up_channels",
    "share_constants",
    "spell_out_prelu",
]

BLOCK = 16  # channels that one vector holds, with AVX-512; with AVX2 it is half as many
LARGEST_SLOPE = 0.98  # of PReLU for its scale to join the convolution before it
CHANNELWISE = ("Relu", "PRelu", "Clip", "Sigmoid", "GlobalAveragePool", "Add", "Mul")


def fast_graph(model: bytes) -> bytes:
    """Rewrite a serialized network; inputs, outputs and what it says stay, but for the order of sums."""
    graph = folded(model)
    pad_in_convolutions(graph)
    round_up_channels(graph)
    spell_out_prelu(graph)
    share_constants(graph)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString(deterministic=True))


def folded(model: bytes) -> onnx.ModelProto:
    """Fold what is constant, and normalisations into what is before them."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        given, plain = (Path(folder) / f"{name}.onnx" for name in ("given", "plain"))
        given.write_bytes(model)
        quant_pre_process(given, plain, skip_symbolic_shape=True)
        return onnx.load(plain)


def joined_integers(model: bytes) -> bytes:
    """Let ONNX Runtime join what computes in 8-bit integers now, and not on every start, which halves that.

    What it joins are operators of its own, which run on every processor that it runs on, and nowhere else.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return path.read_bytes()


def pad_in_convolutions(model: onnx.ModelProto) -> None:
    """Let convolutions pad by themselves where a node before them does it with zeros."""
    graph, constants = model.graph, _constants(model)
    made = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        pad = made.get(node.input[0]) if node.op_type == "Conv" else None
        if pad is None or pad.op_type != "Pad" or (len(pad.input) > 2 and pad.input[2]):
            continue
        if pad.input[1] not in constants or any(
            a.name == "mode" and a.s != b"constant" for a in pad.attribute
        ):
            continue
        amounts = constants[pad.input[1]].reshape(2, -1)[:, 2:].ravel()
        own = next(a for a in node.attribute if a.name == "pads")
        own.ints[:] = [int(a + b) for a, b in zip(own.ints, amounts, strict=True)]
        node.input[0] = pad.input[0]
    used = {name for node in graph.node for name in node.input}
    for node in [n for n in graph.node if n.op_type == "Pad" and n.output[0] not in used]:
        graph.node.remove(node)


def spell_out_prelu(model: onnx.ModelProto) -> None:
    """Write PReLU as ReLU(z) + z · slope / (1 − slope); the convolution before it gives z = (1 − slope) · x.

    Where there is none, or a slope is near 1 or above, it is (1 − slope) · ReLU(x) + slope · x.
    """
    graph, constants = model.graph, _constants(model)
    made = {output: node for node in graph.node for output in node.output}
    reads = [name for node in graph.node for name in node.input] + [one.name for one in graph.output]
    nodes = []
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in constants:
            nodes.append(node)
            continue
        x, slope = node.input[0], constants[node.input[1]]
        above, low, high, below, rest = (
            f"{node.name}/{part}" for part in ("above", "low", "high", "below", "rest")
        )
        before = made.get(x)
        nodes.append(helper.make_node("Relu", [x], [above], above))
        if (
            before is not None
            and before.op_type == "Conv"
            and reads.count(x) == 1
            and slope.size == len(constants[before.input[1]])
            and slope.max() < LARGEST_SLOPE
        ):
            scale = (1 - slope).reshape(-1)
            _replace(model, before, 1, constants[before.input[1]] * scale[:, None, None, None], "scaled")
            if len(before.input) > 2:
                _replace(model, before, 2, constants[before.input[2]] * scale, "scaled")
            slope = slope / (1 - slope)
            high = above
        else:
            graph.initializer.append(numpy_helper.from_array(1 - slope, rest))
            nodes.append(helper.make_node("Mul", [above, rest], [high], high))
        graph.initializer.append(numpy_helper.from_array(slope, below))
        nodes += [
            helper.make_node("Mul", [x, below], [low], low),
            helper.make_node("Add", [low, high], [node.output[0]], f"{node.name}/sum"),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(model)


def round_up_channels(model: onnx.ModelProto) -> None:
    """Add channels of zeros where depthwise convolutions have no multiple of `BLOCK`."""
    constants = _constants(model)
    groups = _Channels(model, constants)
    for node in model.graph.node:
        if node.op_type == "PRelu" and (more := groups.missing(node.output[0])):
            _replace(model, node, 1, _padded(constants[node.input[1]], more), "padded")
        if node.op_type != "Conv":
            continue
        weight, more = constants[node.input[1]], groups.missing(node.output[0])
        taken = 0 if _is_depthwise(node, weight) else groups.missing(node.input[0])
        if not (more or taken):
            continue
        _replace(model, node, 1, _padded(weight, more, taken), "padded")
        if len(node.input) > 2:
            _replace(model, node, 2, _padded(constants[node.input[2]], more), "padded")
        for attribute in node.attribute:
            if attribute.name == "group" and attribute.i > 1:
                attribute.i += more
    del model.graph.value_info[:]  # shapes as they were
    _drop_unused(model)


def share_constants(model: onnx.ModelProto) -> None:
    """Keep one of each group of constants that are equal in type, shape and every bit."""
    kept: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    same = {}
    for name, array in _constants(model).items():
        same[name] = kept.setdefault((array.dtype.str, array.shape, array.tobytes()), name)
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    _drop_unused(model)


class _Channels:
    """Which values have their channels in common, as no convolution mixes them."""

    def __init__(self, model: onnx.ModelProto, constants: dict[str, NDArray[Any]]) -> None:
        self._leader: dict[str, str] = {}
        graph = model.graph
        fixed = [one.name for one in (*graph.input, *graph.output)]
        counts: dict[str, int] = {}
        depthwise = []
        for node in graph.node:
            given = [name for name in node.input if name and name not in constants]
            if node.op_type == "Conv" and node.input[1] in constants:
                weight = constants[node.input[1]]
                counts[node.output[0]] = len(weight)
                if _is_depthwise(node, weight):
                    self._join(node.input[0], node.output[0])
                    depthwise.append(node.output[0])
                elif _group(node) > 1:
                    fixed += [node.input[0], node.output[0]]
            elif node.op_type in CHANNELWISE:
                for name in given:
                    self._join(name, node.output[0])
                plain = node.op_type not in ("PRelu", "Clip") and len(given) < len(node.input)
                if plain or (node.op_type == "PRelu" and constants[node.input[1]].ndim != 3):
                    fixed.append(node.output[0])
            else:
                fixed += [*given, *node.output]
        counted: dict[str, set[int]] = {}
        for name, count in counts.items():
            counted.setdefault(self._first(name), set()).add(count)
        never = {self._first(name) for name in fixed}
        self._missing = {
            leader: -next(iter(counted[leader])) % BLOCK
            for leader in {self._first(name) for name in depthwise} - never
            if len(counted[leader]) == 1
        }

    def missing(self, name: str) -> int:
        """Return how many channels a value lacks."""
        return self._missing.get(self._first(name), 0)

    def _first(self, name: str) -> str:
        while (leader := self._leader.get(name, name)) != name:
            name = leader
        return name

    def _join(self, one: str, other: str) -> None:
        self._leader[self._first(one)] = self._first(other)


def _group(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "group"), 1)


def _is_depthwise(node: onnx.NodeProto, weight: NDArray[Any]) -> bool:
    return _group(node) == len(weight) > 1


def _padded(array: NDArray[Any], *more: int) -> NDArray[Any]:
    """Add zeros behind the first axes."""
    return np.pad(array, [(0, count) for count in more] + [(0, 0)] * (array.ndim - len(more)))


def _constants(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}


def _replace(
    model: onnx.ModelProto, node: onnx.NodeProto, index: int, array: NDArray[Any], what: str
) -> None:
    """Give a node another constant."""
    name = f"{node.name}/{index}/{what}"
    model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    node.input[index] = name


def _drop_unused(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    for entry in [entry for entry in model.graph.initializer if entry.name not in used]:
        model.graph.initializer.remove(entry)
