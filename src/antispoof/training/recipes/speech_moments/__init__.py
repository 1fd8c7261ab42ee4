"""A model whose spectra, or features of pictures, are taken once and whose perceptron trains in seconds."""

from __future__ import annotations

from pathlib import Path

import torch

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.training.checkpoint import load_weights
from antispoof.training.collection import shapes_of
from antispoof.training.graphs import graphs_of
from antispoof.training.recipe import Graphs, Recipe, Trained, recipes
from antispoof.training.recipes.speech_moments.experiment import SpeechMomentsExperiment
from antispoof.training.recipes.speech_moments.fit import build, train_on
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import CHECKPOINT, read_finished, recorded_shapes

__all__: list[str] = []


class _SpeechMoments(Recipe[SpeechMomentsExperiment]):
    summary = "voices, eyes: moments of spectra or of frozen features taken once, and a perceptron over them"
    experiment = SpeechMomentsExperiment

    def presentations(self, experiment: SpeechMomentsExperiment) -> tuple[Presentation, ...]:
        return read_manifest(experiment.data.manifest)

    def train_on(
        self,
        experiment: SpeechMomentsExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        return train_on(experiment, presentations, report)

    def untrained(self, experiment: SpeechMomentsExperiment) -> Graphs:
        torch.manual_seed(0)
        return graphs_of(build(experiment).eval(), shapes_of(self.presentations(experiment), experiment))

    def load(self, run: Path) -> Trained:
        experiment, tensors, about, metadata = read_finished(run, SpeechMomentsExperiment)
        network = build(experiment)
        load_weights(network, tensors, run / CHECKPOINT)
        return Trained(graphs_of(network.eval(), recorded_shapes(run, about)), metadata)


recipes.register("speech_moments")(_SpeechMoments())
