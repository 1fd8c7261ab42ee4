"""The recipe of voice-edge makes of the weights that ship the graph that ships."""

from __future__ import annotations

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
