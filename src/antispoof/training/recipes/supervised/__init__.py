"""Labelled presentations of any sensors, any encoders, any fusion and losses."""

from __future__ import annotations

from pathlib import Path

import torch

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.training.checkpoint import load_weights
from antispoof.training.collection import channels_of, shapes_of
from antispoof.training.graphs import graphs_of
from antispoof.training.recipe import Graphs, Recipe, Trained, recipes
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment
from antispoof.training.recipes.supervised.network import build
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import CHECKPOINT, read_finished, recorded_shapes

__all__: list[str] = []


class _Supervised(Recipe[SupervisedExperiment]):
    summary = "labelled presentations: any sensors, encoders, fusion and losses"
    experiment = SupervisedExperiment

    def presentations(self, experiment: SupervisedExperiment) -> tuple[Presentation, ...]:
        return read_manifest(experiment.data.manifest)

    def train_on(
        self,
        experiment: SupervisedExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        # Lightning takes seconds to load, and whoever exports or only makes samples needs none of it.
        from antispoof.training.recipes.supervised.fit import train_on

        return train_on(experiment, presentations, report)

    def untrained(self, experiment: SupervisedExperiment) -> Graphs:
        shapes = shapes_of(self.presentations(experiment), experiment)
        torch.manual_seed(0)
        return graphs_of(build(experiment, channels_of(shapes)).eval(), shapes)

    def load(self, run: Path) -> Trained:
        experiment, tensors, about, metadata = read_finished(run, SupervisedExperiment)
        shapes = recorded_shapes(run, about)
        network = build(experiment, channels_of(shapes))
        load_weights(network, tensors, run / CHECKPOINT)
        return Trained(graphs_of(network.eval(), shapes), metadata)

    def pretrain(self, experiment: SupervisedExperiment, report: Reporter = SILENT) -> Path:
        from antispoof.training.recipes.supervised.pretraining import pretrain

        return pretrain(experiment, report)


recipes.register("supervised")(_Supervised())
