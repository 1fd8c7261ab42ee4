"""The face models: frozen ImageNet features of a close view, and opinions on wider ones; from portraits."""

from __future__ import annotations

from pathlib import Path

from antispoof.data.presentation import Presentation
from antispoof.training.checkpoint import load_weights
from antispoof.training.recipe import Graphs, Recipe, Trained, recipes
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.network import build_network, graph_of, read_parts
from antispoof.training.recipes.face_views.people import portrait_presentations
from antispoof.training.recipes.face_views.samples import read_samples
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.run_folder import CHECKPOINT, read_finished

__all__: list[str] = []


class _FaceViews(Recipe[FaceViewsExperiment]):
    summary = "views of a face: frozen features, a taught branch, finished networks"
    experiment = FaceViewsExperiment

    def presentations(self, experiment: FaceViewsExperiment) -> tuple[Presentation, ...]:
        return portrait_presentations(experiment)

    def train_on(
        self,
        experiment: FaceViewsExperiment,
        presentations: tuple[Presentation, ...],
        report: Reporter = SILENT,
    ) -> Path:
        # Lightning takes seconds to load, and the processes that make shards need none of it.
        from antispoof.training.recipes.face_views.fit import train_on

        return train_on(experiment, presentations, report)

    def untrained(self, experiment: FaceViewsExperiment) -> Graphs:
        graph = graph_of(experiment, build_network(experiment), read_parts(experiment))
        return {("face_rgb",): graph}

    def load(self, run: Path) -> Trained:
        experiment, tensors, _, metadata = read_finished(run, FaceViewsExperiment)
        network = build_network(experiment)
        load_weights(network, tensors, run / CHECKPOINT)
        graph = graph_of(experiment, network, read_parts(experiment))
        samples = read_samples(run) if experiment.quantise else None
        # A finished network's nodes are named after its view, those of our own as PyTorch's exporter does.
        nodes = [f"{view}/" if view in experiment.networks else "/network/" for view in experiment.quantise]
        return Trained({("face_rgb",): graph}, metadata, samples, nodes)


recipes.register("face_views")(_FaceViews())
