"""Train and test over the folds of a protocol, to a matrix that `antispoof compare` reports."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antispoof.data.folds import Fold, folds
from antispoof.evaluation.scores import ScoreSet
from antispoof.training.disk import cannot_write
from antispoof.training.recipe import detector_recipe
from antispoof.training.reporter import SILENT, Reporter
from antispoof.training.schema import Experiment

__all__ = ["run_protocol"]


def run_protocol(
    experiment: Experiment, protocol: str, folder: Path, seeds: Sequence[int] = (), report: Reporter = SILENT
) -> Path:
    """Train once a fold and seed, and write down what was scored.

    Args:
        experiment: of any recipe that makes a detector.
        protocol: see `antispoof.data.folds.FORMS`.
        folder: for runs and results; folds that are finished are not done again.
        seeds: of the training; none takes the experiment's own.
        report: is told what is being done.

    Returns:
        The matrix: a CSV file that ``antispoof compare --matrix`` reads.

    Raises:
        ExperimentError: the recipe makes no detector.
        InputError: what the experiment learns from does not allow the protocol.
    """
    recipe = detector_recipe(experiment.recipe, "a protocol")
    parts = folds(recipe.presentations(experiment), protocol)
    seeds = seeds or (experiment.seed,)
    rows: list[dict[str, str]] = []
    for number, (fold, seed) in enumerate((fold, seed) for fold in parts for seed in seeds):
        name = fold.train if len(seeds) == 1 else f"{fold.train} (seed {seed})"
        report.say(f"fold {number + 1} of {len(parts) * len(seeds)}: {name}")
        one = experiment.in_run(folder / "runs" / f"{_slug(fold.train)}-{seed}", seed, folder)
        run = recipe.train_on(one, fold.presentations, report)
        rows += [
            {
                "train": name,
                "test": test,
                "scores": str(scores.relative_to(folder)),
                "dev": str(dev.relative_to(folder)),
            }
            for test, scores, dev in _scored(fold, run)
        ]
    matrix = folder / "matrix.csv"
    try:
        with matrix.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["train", "test", "scores", "dev"])
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise cannot_write(matrix, error) from None
    return matrix


def _scored(fold: Fold, run: Path) -> list[tuple[str, Path, Path]]:
    """Name every test of a fold, with its scores and those of dev."""
    if fold.subsets:
        return [
            (path.stem.partition("-")[2] or "all", path, run / path.name.replace("test", "dev", 1))
            for path in sorted(run.glob("test*.csv"), key=lambda one: (-one.stem.count("+"), one.stem))
        ]
    found = []
    scores = ScoreSet.read(run / "test.csv")
    for test, ids in fold.tests.items():
        path = run / "test.csv"
        if len(fold.tests) > 1:
            path = run / f"on-{_slug(test)}.csv"
            scores.take(np.isin(scores.ids, sorted(ids))).write(path)
        found.append((test, path, run / "dev.csv"))
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", text)
