"""Run an experiment, whatever its recipe."""

from __future__ import annotations

from pathlib import Path

from antispoof.training.recipes import Experiment, recipes
from antispoof.training.reporter import SILENT, Reporter

__all__ = ["train"]


def train(experiment: Experiment, report: Reporter = SILENT) -> Path:
    """Run an experiment; what an interrupted run left is used.

    Returns:
        The run folder, which `antispoof.training.export.export` turns into a bundle.

    Raises:
        InputError: the data that the experiment names cannot be used.
        TrainingError: training cannot go on; the message says what to do.
    """
    return recipes[experiment.recipe].train(experiment, report)
