"""The recipe of voice-edge makes of the shipped weights what ships, and its script knows its steps."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from antispoof.files import onnx_session
from antispoof.runtime.bundle import read_bundle
from antispoof.training.experiment import read_experiment
from antispoof.training.export import onnx_of
from antispoof.training.fast_graph import fast_graph
from antispoof.training.graphs import graphs_of
from antispoof.training.recipes.speech_moments.experiment import SpeechMomentsExperiment
from antispoof.training.recipes.speech_moments.fit import build

ROOT = Path(__file__).parents[2]


def test_the_recipe_exports_the_graph_that_ships() -> None:
    bundle = read_bundle("voice-edge")
    experiment = read_experiment(ROOT / "configs" / "voice-edge.yaml")
    assert isinstance(experiment, SpeechMomentsExperiment)
    assert experiment.version == bundle.metadata.version
    assert experiment.unseen_d_eer is not None
    shipped = onnx.load_from_string(bundle.model)
    constants = {one.name: numpy_helper.to_array(one) for one in shipped.graph.initializer}
    network = build(experiment)
    weights = {}
    for name in network.state_dict():
        plain = name.replace("encoders.voice.", "encoder.").replace("heads.voice.", "head.")
        if plain in constants:
            weights[name] = torch.from_numpy(constants[plain].copy())
    assert bundle.metadata.head is not None
    weights["heads.voice.output.bias"] = torch.tensor([bundle.metadata.head.bias])
    network.load_state_dict(weights)
    length = round(float(bundle.metadata.inputs[0].prepare["seconds"]) * 16_000)
    (graph,) = graphs_of(network.eval(), {"voice": (length,)}).values()
    made = fast_graph(onnx_of(graph))
    kinds = [[node.op_type for node in one.graph.node] for one in (shipped, onnx.load_from_string(made))]
    assert kinds[0] == kinds[1]
    windows = np.random.default_rng(0).normal(0, 0.05, (3, length)).astype(np.float32)
    said = [onnx_session(one).run(None, {"voice": windows}) for one in (bundle.model, made)]
    for ours, theirs in zip(*said, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


STUB = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $2" in
    "simulate speech") mkdir -p "$4"; touch "$4/manifest.csv" ;;
esac
"""


def calls(tmp_path: Path, **environment: str) -> list[list[str]]:
    """Run the script with a command that only notes what it was asked for."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    stub, noted = tmp_path / "bin" / "antispoof", tmp_path / "calls"
    stub.write_text(STUB)
    stub.chmod(0o755)
    noted.unlink(missing_ok=True)
    known = {"PATH": f"{stub.parent}:{os.environ['PATH']}", "CALLS": str(noted), **environment}
    done = subprocess.run(
        ["sh", "configs/voice-edge.sh", "read", "commands", "glowtts", "nsf", str(tmp_path / "out")],
        cwd=ROOT, env=known, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line.split() for line in noted.read_text().splitlines()]


def test_the_script_goes_from_recordings_to_a_bundle_and_makes_nothing_twice(tmp_path: Path) -> None:
    first = calls(tmp_path)
    assert [" ".join(call[:2]) for call in first] == [
        *["simulate speech"] * 6,
        "data split",
        "train configs/voice-edge.yaml",
        f"export {tmp_path}/out/voice-edge",
    ]
    assert first[0].count("--kind") == 10
    assert "copy_fargan" in first[0]
    assert [part for part in first[6] if part.endswith("manifest.csv")] == [
        f"{tmp_path}/out/{name}/manifest.csv"
        for name in ("read-copies", "read-hifigan", "read-talkers", "command-copies", "glowtts", "nsf")
    ]
    assert [call[0] for call in calls(tmp_path)] == ["data", "train", "export"]


def test_the_script_does_without_engines_that_are_named(tmp_path: Path) -> None:
    found = calls(tmp_path, WITHOUT="copy_fargan copy_hifigan tts_pico")
    made = [call for call in found if call[0] == "simulate"]
    assert len(made) == 5
    assert not {"copy_fargan", "copy_hifigan", "tts_pico"} & {part for call in made for part in call}
