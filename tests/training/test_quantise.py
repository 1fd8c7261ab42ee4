"""Integers say what floating point says; what has no integer form stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from antispoof.files import onnx_session
from antispoof.training.export import onnx_of
from antispoof.training.fast_graph import joined_integers
from antispoof.training.quantise import quantise
from antispoof.training.recipe import Graph

SAMPLES = np.random.default_rng(0).random((48, 3, 16, 16), dtype=np.float32)


class Small(nn.Module):
    """Odd padding, a PReLU with small slopes and one with large ones, a sum, statistics and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2)
        self.norm = nn.BatchNorm2d(8)
        self.gentle, self.steep = nn.PReLU(8), nn.PReLU(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.middle, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(16, 1)
        with torch.no_grad():
            self.gentle.weight.uniform_(-0.03, 0.03)
            self.steep.weight.uniform_(0.4, 0.9)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = self.norm(self.first(nn.functional.pad(x * 2 - 1, [0, 1, 0, 1])))
        maps = first + self.middle(self.gentle(self.depthwise(first)))
        maps = torch.relu(self.last(self.steep(self.middle(torch.relu(self.last(maps))))))
        features = torch.cat([maps.mean((2, 3)), maps.var((2, 3), correction=0)], 1)
        return self.head(features)[:, 0], features


@pytest.fixture(scope="module")
def models() -> tuple[bytes, bytes]:
    model = onnx_of(Graph(Small().eval(), {"x": torch.from_numpy(SAMPLES[:2])}, ("score", "features")))
    return model, quantise(model, {"x": SAMPLES}, kept=0)


def answers(model: bytes, x: Any = SAMPLES) -> list[Any]:
    found: list[Any] = onnx_session(model).run(["score", "features"], {"x": x})
    return found


def test_the_answers_stay(models: tuple[bytes, bytes]) -> None:
    for plain, small in zip(*map(answers, models), strict=True):
        assert small.shape == plain.shape
        assert np.abs(small - plain).max() < 0.05 * (plain.max() - plain.min()) + 0.02
    score, quantised = (answers(model)[0] for model in models)
    assert np.corrcoef(score, quantised)[0, 1] > 0.99
    np.testing.assert_allclose(
        answers(models[1], SAMPLES[:1])[0], answers(models[1])[0][:1], atol=1e-5
    )  # the first axis is still free


def test_convolutions_are_integers_and_statistics_are_not(models: tuple[bytes, bytes]) -> None:
    graph = onnx.load_from_string(models[1]).graph
    kinds = [node.op_type for node in graph.node]
    assert "Pad" not in kinds
    assert "BatchNormalization" not in kinds
    assert "PRelu" not in kinds
    assert sum(node.name.endswith("/sum") for node in graph.node) == 1  # the steep one, spelt out
    made = {output: node.op_type for node in graph.node for output in node.output}
    read = {name: [n.op_type for n in graph.node if name in n.input] for name in made}
    for node in graph.node:
        if node.op_type == "Conv":
            beside = made[node.input[0]] == "Add" or "Mul" in read[node.output[0]]
            assert beside or {made[name] for name in node.input} == {"DequantizeLinear"}
        elif node.op_type in ("ReduceMean", "Gemm", "Sqrt"):
            assert "DequantizeLinear" not in {made.get(name) for name in node.input[1:]}
    weights = [numpy_helper.to_array(entry) for entry in graph.initializer]
    integers = [array for array in weights if array.dtype == np.int8 and array.ndim == 4]
    assert len(integers) == 4  # two of six convolutions stand beside it
    assert all(np.abs(array).max() <= 64 for array in integers)


def test_a_steep_prelu_is_exact_where_a_relu_would_lose(models: tuple[bytes, bytes]) -> None:
    plain = onnx.load_from_string(models[0])
    for node in plain.graph.node:
        if node.op_type == "PRelu":
            node.op_type = "Relu"
            del node.input[1]
    expected = answers(models[0])[1]
    blunt, small = (
        np.abs(answers(model)[1] - expected).mean() for model in (plain.SerializeToString(), models[1])
    )
    assert small < blunt / 4


def test_the_first_convolutions_stay_in_floating_point(models: tuple[bytes, bytes]) -> None:
    graph = onnx.load_from_string(quantise(models[0], {"x": SAMPLES}, kept=2)).graph
    made = {output: node.op_type for node in graph.node for output in node.output}
    rounded = [
        {made.get(name) for name in node.input} == {"DequantizeLinear"}
        for node in graph.node
        if node.op_type == "Conv"
    ]
    assert rounded == [False, False, True, True, False, False]  # the last two stand beside PReLU


def test_where_all_convolutions_stay_nothing_is_rounded(models: tuple[bytes, bytes]) -> None:
    kept = quantise(models[0], {"x": SAMPLES}, kept=6)
    assert not {node.op_type for node in onnx.load_from_string(kept).graph.node} & {"QuantizeLinear"}


def test_joined_integers_say_the_same(models: tuple[bytes, bytes]) -> None:
    joined = joined_integers(models[1])
    kinds = [node.op_type for node in onnx.load_from_string(joined).graph.node]
    assert kinds.count("QLinearConv") == 4
    for found, expected in zip(answers(joined), answers(models[1]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
