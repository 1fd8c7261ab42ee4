"""The rewritten graph says what the network says; channels are added only where nothing else can see them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from torch import Tensor, nn

from antispoof.files import onnx_session
from antispoof.training.export import onnx_of
from antispoof.training.fast_graph import BLOCK, fast_graph, share_constants
from antispoof.training.recipe import Graph

SAMPLES = np.random.default_rng(0).standard_normal((5, 3, 16, 16), dtype=np.float32)


class Pruned(nn.Module):
    """Depthwise convolutions of odd widths: in a block with a sum and a gate, and one whose maps come out."""

    def __init__(self, width: int, slopes: tuple[float, float]) -> None:
        super().__init__()
        torch.manual_seed(width)
        self.first, self.norm = nn.Conv2d(3, width, 3, 2), nn.BatchNorm2d(width)
        self.first_prelu, self.depth_prelu = nn.PReLU(width), nn.PReLU(width)
        self.depth = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.squeeze, self.excite = nn.Conv2d(width, 2, 1), nn.Conv2d(2, width, 1)
        self.last = nn.Conv2d(width, 6, 1)
        self.seen = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.seen_prelu = nn.PReLU(6)
        with torch.no_grad():
            for prelu in (self.first_prelu, self.depth_prelu, self.seen_prelu):
                prelu.weight.uniform_(*slopes)
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.first_prelu(self.norm(self.first(nn.functional.pad(x, [0, 1, 0, 1]))))
        maps = maps + self.depth_prelu(self.depth(maps))
        pooled = nn.functional.adaptive_avg_pool2d(maps, 1)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        maps = self.seen_prelu(self.seen(self.last(maps * gate)))
        return maps.mean((1, 2, 3)), maps


def graph_of(width: int, slopes: tuple[float, float] = (-0.3, 0.6)) -> bytes:
    network = Pruned(width, slopes).eval()
    return onnx_of(Graph(network, {"x": torch.from_numpy(SAMPLES[:2])}, ("score", "maps")))


def answers(model: bytes, x: Any = SAMPLES) -> list[Any]:
    found: list[Any] = onnx_session(model).run(["score", "maps"], {"x": x})
    return found


@settings(max_examples=15)
@given(width=st.integers(2, 40), low=st.floats(-1, 1), high=st.floats(-1, 2))
def test_the_answers_stay(width: int, low: float, high: float) -> None:
    model = graph_of(width, (low, high) if low < high else (high, low))
    for found, expected in zip(answers(fast_graph(model)), answers(model), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("width", [13, 16])
def test_only_channels_that_nobody_sees_are_added(width: int) -> None:
    graph = onnx.load_from_string(fast_graph(graph_of(width))).graph
    kinds = {node.op_type for node in graph.node}
    assert not kinds & {"PRelu", "BatchNormalization", "Pad"}
    weights = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    groups = {}
    for node in graph.node:
        if node.op_type == "Conv":
            group = next(a.i for a in node.attribute if a.name == "group")
            groups[weights[node.input[1]].shape] = group
    assert groups[BLOCK, 1, 3, 3] == BLOCK
    assert groups[6, 1, 3, 3] == 6  # its maps come out
    assert groups[2, BLOCK, 1, 1] == groups[6, BLOCK, 1, 1] == 1
    assert any(name.endswith("padded") for name in weights) == (width != BLOCK)


def test_a_prelu_joins_the_convolution_before_it_unless_a_slope_is_steep() -> None:
    gentle, steep = (
        onnx.load_from_string(fast_graph(graph_of(13, slopes))).graph for slopes in ((-2, 0.9), (0.99, 1.5))
    )
    for graph, extra in ((gentle, 0), (steep, 3)):
        assert sum(node.op_type == "Mul" for node in graph.node) == 1 + 3 + extra  # the gate, and the slopes


def test_equal_constants_are_kept_once() -> None:
    tables = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "other_shape": np.arange(6, dtype=np.float32).reshape(1, 6),
        "zero": np.zeros((2, 3), np.float32),
        "minus_zero": -np.zeros((2, 3), np.float32),
    }
    nodes = [
        helper.make_node("Add", ["x", "a"], ["y"]),
        helper.make_node("Mul", ["y", "b"], ["z"]),
        helper.make_node("Add", ["z", "zero"], ["u"]),
        helper.make_node("Add", ["u", "minus_zero"], ["v"]),
        helper.make_node("Flatten", ["v"], ["w"], axis=0),
        helper.make_node("Add", ["w", "other_shape"], ["out"]),
    ]
    float_ = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "tables",
        [helper.make_tensor_value_info("x", float_, [2, 3])],
        [helper.make_tensor_value_info("out", float_, [1, 6])],
        [numpy_helper.from_array(table, name) for name, table in tables.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = np.random.default_rng(1).standard_normal((2, 3), dtype=np.float32)
    (before,) = onnx_session(model.SerializeToString()).run(["out"], {"x": x})
    share_constants(model)
    onnx.checker.check_model(model, full_check=True)
    (after,) = onnx_session(model.SerializeToString()).run(["out"], {"x": x})
    assert {entry.name for entry in model.graph.initializer} == set(tables) - {"b"}
    np.testing.assert_array_equal(after, before)
