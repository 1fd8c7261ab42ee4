"""The default face model: frozen ImageNet features and distilled teachers, from portraits alone."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from antispoof.data.presentation import Presentation
from antispoof.networks.two_view import TwoViewNetwork, TwoViewOutput
from antispoof.training.checkpoint import load_weights
from antispoof.training.recipe import Graph, Graphs, Recipe, Trained, recipes
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment
from antispoof.training.recipes.distilled_two_view.fit import train_on
from antispoof.training.recipes.distilled_two_view.people import portrait_presentations
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import CHECKPOINT, read_finished

__all__: list[str] = []


class _DistilledTwoView(Recipe[DistilledTwoViewExperiment]):
    summary = "two views of a face: frozen features and distilled teachers"
    experiment = DistilledTwoViewExperiment

    def presentations(self, experiment: DistilledTwoViewExperiment) -> tuple[Presentation, ...]:
        return portrait_presentations(experiment)

    def train_on(
        self,
        experiment: DistilledTwoViewExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        return train_on(experiment, presentations, report)

    def untrained(self, experiment: DistilledTwoViewExperiment) -> Graphs:
        torch.manual_seed(0)
        return _graphs(experiment, _network(experiment))

    def load(self, run: Path) -> Trained:
        experiment, tensors, _, metadata = read_finished(run, DistilledTwoViewExperiment)
        network = _network(experiment)
        load_weights(network, tensors, run / CHECKPOINT)
        return Trained(_graphs(experiment, network), metadata)


class _Tuple(nn.Module):
    """The exporter names outputs by position, and takes a plain tuple."""

    def __init__(self, network: TwoViewNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, close: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(close, context))


def _network(experiment: DistilledTwoViewExperiment) -> TwoViewNetwork:
    return TwoViewNetwork(experiment.network.stages, experiment.network.context_channels)


def _graphs(experiment: DistilledTwoViewExperiment, network: TwoViewNetwork) -> Graphs:
    generator = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.rand((2, 3, view.size, view.size), generator=generator)
        for name, view in (("close", experiment.views.close), ("context", experiment.views.context))
    }
    return {("face_rgb",): Graph(_Tuple(network.eval()).eval(), inputs, TwoViewOutput._fields)}


recipes.register("distilled_two_view")(_DistilledTwoView())
