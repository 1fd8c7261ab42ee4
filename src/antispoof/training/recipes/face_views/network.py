"""The network that an experiment names, and the graph that it becomes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from antispoof.errors import ExperimentError
from antispoof.networks.encoders.efficientnet_lite import imagenet_state
from antispoof.networks.face_views import FaceViewsNetwork, FaceViewsOutput
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop
from antispoof.training.onnx_parts import OnnxPart
from antispoof.training.recipe import Graph
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment, View

__all__ = ["as_batch", "build_network", "crop_recipe", "graph_of", "look", "read_parts", "with_imagenet"]

_ROWS = 32


def read_parts(experiment: FaceViewsExperiment) -> dict[str, OnnxPart]:
    """Read the finished networks: view → network.

    Raises:
        InputError: a file cannot be read, or is no network of one input and one output.
        ExperimentError: a network takes another size than its view has, or has no such class.
    """
    parts = {}
    for name, entry in experiment.networks.items():
        part = OnnxPart(entry.path)
        size = experiment.views[name].size
        if part.shape != (3, size, size):
            raise ExperimentError(
                f"views.{name}.size: {str(entry.path)!r} takes pictures of {part.shape}, "
                f"not (3, {size}, {size})"
            )
        if not entry.bona_fide < part.answers:
            raise ExperimentError(
                f"networks.{name}.bona_fide: must be less than {part.answers}, the number of classes of "
                f"{str(entry.path)!r}, got {entry.bona_fide}"
            )
        parts[name] = part
    return parts


def build_network(experiment: FaceViewsExperiment) -> FaceViewsNetwork:
    """Return the network, untrained, in evaluation mode; ``experiment.seed`` draws its weights."""
    torch.manual_seed(experiment.seed)
    return FaceViewsNetwork(
        experiment.head.stages,
        None if experiment.context is None else experiment.context.channels,
        tuple(entry.bona_fide for entry in experiment.networks.values()),
    ).eval()


def with_imagenet(network: FaceViewsNetwork) -> FaceViewsNetwork:
    """Load the ImageNet weights of the encoder."""
    network.encoder.load_state_dict(imagenet_state(network.encoder))
    return network


class _Tuple(nn.Module):
    """The exporter names outputs by position, and takes a plain tuple."""

    def __init__(self, network: FaceViewsNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *views: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(*views))


def graph_of(experiment: FaceViewsExperiment, network: FaceViewsNetwork, parts: dict[str, OnnxPart]) -> Graph:
    """Return the network as a graph that takes every view."""
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.rand((2, 3, view.size, view.size), generator=generator)
        for name in experiment.view_names
        for view in [experiment.views[name]]
    }
    return Graph(_Tuple(network.eval()).eval(), inputs, FaceViewsOutput._fields, parts)


def crop_recipe(view: View) -> CropRecipe:
    """Return how a view is cut out."""
    return CropRecipe(view.scale, view.size, view.fit)


def as_batch(crops: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
    """Return pictures as the network takes them: float32, (B, 3, H, W), 0..1."""
    batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    return batch.contiguous(memory_format=torch.channels_last)


def look(
    experiment: FaceViewsExperiment, graph: Graph, faces: Sequence[tuple[NDArray[np.uint8], Box]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Judge N pictures, each with where its face is: scores (N,) and features (N, F)."""
    recipes = {name: crop_recipe(experiment.views[name]) for name in graph.inputs}
    scores, features = [], []
    for start in range(0, len(faces), _ROWS):
        some = faces[start : start + _ROWS]
        said = graph(
            {name: as_batch([crop(*face, recipe) for face in some]) for name, recipe in recipes.items()}
        )
        scores.append(said["score"].double().numpy())
        features.append(said["features"].double().numpy())
    return np.concatenate(scores), np.concatenate(features)
