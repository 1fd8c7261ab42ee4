"""Run an experiment, whatever its recipe."""

from __future__ import annotations

from pathlib import Path

from antispoof.training.recipe import recipes
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.schema import Experiment

__all__ = ["pretrain", "train"]


def train(experiment: Experiment, report: Reporter = SILENT) -> Path:
    """Run an experiment; what an interrupted run left is used.

    Returns:
        The run folder, which `antispoof.training.export.export` turns into a bundle.

    Raises:
        InputError: the data that the experiment names cannot be used.
        TrainingError: training cannot go on; the message says what to do.
    """
    recipe = recipes[experiment.recipe]
    return recipe.train_on(experiment, recipe.presentations(experiment), report)


def pretrain(experiment: Experiment, report: Reporter = SILENT) -> Path:
    """Teach the encoders of an experiment without labels.

    Returns:
        The checkpoint, for ``initial``.

    Raises:
        ExperimentError: the recipe cannot, or the experiment does not say how.
        InputError: the data that the experiment names cannot be used.
        TrainingError: training cannot go on; the message says what to do.
    """
    return recipes[experiment.recipe].pretrain(experiment, report)
