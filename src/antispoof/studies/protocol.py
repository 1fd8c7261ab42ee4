"""Train and test over the folds of a protocol; what comes out is a matrix that `antispoof compare`
reports."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antispoof.data.folds import Fold, folds
from antispoof.data.manifest import read_manifest
from antispoof.errors import ExperimentError
from antispoof.evaluation.scores import ScoreSet
from antispoof.training.checkpoint import cannot_write
from antispoof.training.recipes import Experiment
from antispoof.training.recipes.supervised.experiment import Experiment as Supervised
from antispoof.training.reporter import SILENT, Reporter

__all__ = ["run_protocol", "shared_cache", "with_run"]


def run_protocol(
    experiment: Experiment, protocol: str, folder: Path, seeds: Sequence[int] = (), report: Reporter = SILENT
) -> Path:
    """Train once a fold and seed, and write down what was scored.

    Args:
        experiment: of the recipe ``supervised``.
        protocol: see `antispoof.data.folds.FORMS`.
        folder: for runs and results; folds that are finished are not done again.
        seeds: of the training; none takes the experiment's own.
        report: is told what is being done.

    Returns:
        The matrix: a CSV file that ``antispoof compare --matrix`` reads.

    Raises:
        ExperimentError: the experiment is of another recipe.
        InputError: the manifest does not allow the protocol.
    """
    from antispoof.training.recipes.speech_moments.experiment import Experiment as Moments
    from antispoof.training.recipes.speech_moments.fit import train_on as train_moments
    from antispoof.training.recipes.supervised.fit import train_on

    if not isinstance(experiment, Supervised):
        raise ExperimentError(f"a protocol is run with recipe 'supervised', not {experiment.recipe!r}")
    parts = folds(read_manifest(experiment.data.manifest), protocol)
    seeds = seeds or (experiment.seed,)
    rows: list[dict[str, str]] = []
    for number, (fold, seed) in enumerate((fold, seed) for fold in parts for seed in seeds):
        name = fold.train if len(seeds) == 1 else f"{fold.train} (seed {seed})"
        report.say(f"fold {number + 1} of {len(parts) * len(seeds)}: {name}")
        one = with_run(
            experiment,
            folder / "runs" / f"{_slug(fold.train)}-{seed}",
            seed,
            shared_cache(experiment, folder),
        )
        if isinstance(one, Moments):
            run = train_moments(one, fold.presentations, report)
        else:
            run = train_on(one, fold.presentations, report)
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


def with_run(experiment: Supervised, run: Path, seed: int, cache: Path) -> Supervised:
    """Return the experiment with another run folder, seed and cache."""
    data = experiment.data.model_copy(update={"cache": cache})
    return experiment.model_copy(update={"run_dir": run, "seed": seed, "data": data})


def shared_cache(experiment: Supervised, folder: Path) -> Path:
    """Return the folder of prepared samples that all runs of a study share."""
    return experiment.data.cache or folder / "prepared"


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
