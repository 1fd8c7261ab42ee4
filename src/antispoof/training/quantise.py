"""A network in floating point → the same in 8-bit integers, which one thread runs in half the time.

Convolutions, and what lies between them, compute with integers; the first few of each part, what a picture is
scaled by before them, and every statistic, head and log-odds after the last, stay in floating point. Most of
what rounding changes comes from the first few, where few channels carry all there is. Ranges of activations
come from calibration samples, weights are scaled channel by channel. Weights use 7 of their 8 bits: sums of
two products then fit the 16 bits in which processors without VNNI add them up, so that every machine gives
the same answer.

PReLU has no integer kernel, and takes its map back to floating point. Where its slopes are small, as in most
layers of MiniFASNet, it is replaced by ReLU with the scale and the offset a channel that fit the calibration
samples best, and the next convolution takes both up; where that would lose more, it
stays, in floating point with the convolutions beside it. What stays is as quick as in `fast_graph`.

References:
    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018; R. Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference:
    A whitepaper", 2018.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from antispoof.files import onnx_session
from antispoof.training.fast_graph import (
    folded,
    pad_in_convolutions,
    round_up_channels,
    spell_out_prelu,
)

__all__ = ["quantise"]

BATCH = 16
LARGEST_LOSS = 0.0025  # of the variance of a map: where ReLU would lose more, PReLU stays
KEPT = 6  # first convolutions of each part that stay: of the close view those on large maps
INTEGER_KERNELS = ("Conv", "Add", "Mul", "GlobalAveragePool", "Clip", "Relu", "Sigmoid")

Calibration = Mapping[str, NDArray[np.float32]]


def quantise(model: bytes, calibration: Calibration, parts: Sequence[str] = ("",), kept: int = KEPT) -> bytes:
    """Turn the convolutional part of a network into 8-bit integers.

    Args:
        model: serialized ONNX, its first axis free.
        calibration: input name → float32, (N, …): samples as the network will see them, of every kind.
        parts: how the names of the nodes begin that may change.
        kept: how many convolutions at the start of each part stay in floating point.

    Returns:
        Serialized ONNX with the same inputs and outputs, in quantise-dequantise form.
    """
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        plain, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "small"))
        graph = folded(model)
        pad_in_convolutions(graph)
        _replace_prelu(graph, calibration, parts)
        round_up_channels(graph)
        integer = [name for part in parts for name in _integer_nodes(graph, part, kept)]
        spell_out_prelu(graph)
        if not integer:  # quantize_static would take none for all
            return bytes(graph.SerializeToString(deterministic=True))
        del graph.graph.value_info[:]  # shapes from before channels were added
        onnx.save(graph, plain)
        quantization.quantize_static(
            plain,
            small,
            _Reader(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(INTEGER_KERNELS),
            nodes_to_quantize=integer,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        return small.read_bytes()


class _Reader:
    """Hands out calibration samples, some at a time."""

    def __init__(self, calibration: Calibration) -> None:
        self._batches = _batches(calibration)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


def _batches(calibration: Calibration) -> Iterator[dict[str, NDArray[np.float32]]]:
    count = len(next(iter(calibration.values())))
    for start in range(0, count, BATCH):
        yield {name: array[start : start + BATCH] for name, array in calibration.items()}


def _constants(graph: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {entry.name: numpy_helper.to_array(entry) for entry in graph.graph.initializer}


def _integer_nodes(graph: onnx.ModelProto, part: str, kept: int) -> list[str]:
    """Return convolutions of a part, but the first, and the nodes that lie between two; none beside PReLU."""
    nodes = graph.graph.node
    of_the_part = [node.name for node in nodes if node.op_type == "Conv" and node.name.startswith(part)]
    floating_convolutions = set(of_the_part[:kept])
    behind: set[str] = set()  # values that a convolution leads to
    for node in nodes:
        if (node.op_type == "Conv" and node.name not in floating_convolutions) or behind & set(node.input):
            behind |= set(node.output)
    before: set[str] = set()  # values that lead to a convolution
    for node in reversed(nodes):
        if node.op_type == "Conv" or before & set(node.output):
            before |= set(node.input)
    floating = {name for node in nodes if node.op_type == "PRelu" for name in (node.input[0], node.output[0])}
    return [
        node.name
        for node in nodes
        if node.name.startswith(part)
        and node.name not in floating_convolutions
        and (node.op_type == "Conv" or (behind & set(node.input) and before & set(node.output)))
        and not floating & {node.input[0], node.output[0]}
    ]


def _replace_prelu(graph: onnx.ModelProto, calibration: Calibration, parts: Sequence[str]) -> None:
    """Replace PReLU that leads to one convolution alone by ReLU, where hardly anything is lost by it."""
    constants = _constants(graph)
    readers: dict[str, list[Any]] = {}
    for node in graph.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = [
        node
        for node in graph.graph.node
        if node.op_type == "PRelu"
        and node.name.startswith(tuple(parts))
        and [n.op_type for n in readers.get(node.output[0], [])] == ["Conv"]
    ]
    slopes = [constants[node.input[1]].reshape(-1).astype(np.float64) for node in found]
    fits = _relu_fits(graph, [node.input[0] for node in found], slopes, calibration)
    for node, fit in zip(found, fits, strict=True):
        if fit.loss > LARGEST_LOSS:
            continue
        (following,) = readers[node.output[0]]
        weight = constants[following.input[1]]
        depthwise = weight.shape[1] == 1
        scaled = weight * (fit.scale[:, None, None, None] if depthwise else fit.scale[None, :, None, None])
        each = weight.sum(axis=(2, 3))  # what a constant in each channel adds up to
        bias = each[:, 0] * fit.offset if depthwise else each @ fit.offset
        if len(following.input) > 2:
            bias = bias + constants[following.input[2]]
        node.op_type = "Relu"
        del node.input[1]
        del following.input[1:]
        for what, array in (("weight", scaled), ("bias", bias)):
            name = f"{following.name}/{what}"
            graph.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
            following.input.append(name)
    used = {name for node in graph.graph.node for name in node.input}
    for entry in [entry for entry in graph.graph.initializer if entry.name not in used]:
        graph.graph.initializer.remove(entry)


class _Fit(NamedTuple):
    """PReLU(x) ≈ ``scale`` · ReLU(x) + ``offset``, (C,) each; ``loss`` is the share of variance not told."""

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    loss: float


def _relu_fits(
    graph: onnx.ModelProto,
    names: Sequence[str],
    slopes: Sequence[NDArray[np.float64]],
    calibration: Calibration,
) -> list[_Fit]:
    """Fit PReLU of each map by ReLU, channel by channel, with least squares over the samples."""
    if not names:
        return []
    seen = onnx.ModelProto()
    seen.CopyFrom(graph)
    seen.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnx_session(seen.SerializeToString())
    totals = [np.zeros((5, len(slope))) for slope in slopes]
    for batch in _batches(calibration):
        for total, maps in zip(totals, session.run(list(names), batch), strict=True):
            above, below = np.maximum(maps, 0), np.minimum(maps, 0)
            for row, part in zip(total, (np.ones_like(maps), above, below, above**2, below**2), strict=True):
                row += part.sum(axis=(0, 2, 3), dtype=np.float64)
    fits = []
    for slope, (count, above, below, above_squared, below_squared) in zip(slopes, totals, strict=True):
        mean, low = above / count, slope * below / count
        spread = np.maximum(above_squared / count - mean**2, 1e-12)
        low_spread = slope**2 * below_squared / count - low**2
        together = -mean * low  # the covariance: their product is 0 everywhere
        lost = (low_spread - together**2 / spread).sum() / (spread + low_spread + 2 * together).sum()
        gain = together / spread
        fits.append(_Fit(1 + gain, low - gain * mean, float(lost)))
    return fits
