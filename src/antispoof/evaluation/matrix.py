"""`cross_dataset`: one figure for every pair of training and test dataset, from a manifest of score files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antispoof.errors import InputError
from antispoof.evaluation import remarks
from antispoof.evaluation.clustering import FEWEST_PRESENTATIONS
from antispoof.evaluation.error_rates import LABELS, LOWER_IS_BETTER
from antispoof.evaluation.evaluation import Estimate, evaluate
from antispoof.evaluation.scores import ScoreSet, read_table

__all__ = ["MARKS", "NO_RATE", "TOO_FEW", "Matrix", "Summary", "cross_dataset"]

FEWEST_OF_A_RATE = 4  # rule of 3: none wrong of three says nothing of the true rate, which may be all
_NAMED = 3
NO_RATE = f"fewer than {FEWEST_OF_A_RATE} bona fide or attack presentations: no rate, and in no mean"
TOO_FEW = f"fewer than {FEWEST_PRESENTATIONS} bona fide or attack presentations: too few for an interval"
MARKS: Mapping[str, str] = {TOO_FEW: "†", NO_RATE: "‡"}
"""Note of a cell → how tables mark it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The cells of a row, or of the whole matrix, in two numbers.

    Attributes:
        mean: arithmetic mean.
        worst: the worst of them.
        where: names of the worst cell's training and test dataset.
    """

    mean: float
    worst: float
    where: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A train × test matrix of one figure.

    Attributes:
        figure: its name (see `error_rates.LABELS`).
        train: training datasets, the rows.
        test: test datasets, the columns.
        cells: estimates by (train, test); a pair without a score file is missing.
        rows: summary of each row over the test datasets other than its own; none of a row whose pairs all
            hold too few presentations for a rate.
        overall: summary over all pairs of different datasets; None where all hold too few.
        simulated: True when any score file holds simulated presentations.
        files: the manifest and every score file it names.
        few: how many of the pairs that ``overall`` is over hold too few for an interval.
        warnings: what a reader must not miss.
    """

    figure: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    cells: Mapping[tuple[str, str], Estimate]
    rows: Mapping[str, Summary]
    overall: Summary | None
    simulated: bool
    files: tuple[Path, ...]
    few: int = 0
    warnings: tuple[str, ...] = ()


def cross_dataset(
    manifest: str | Path,
    *,
    figure: str | None = None,
    at: str = "EER",
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Matrix:
    """Evaluate every score file of a manifest and arrange one figure by training and test dataset.

    Args:
        manifest: CSV file with the columns ``train``, ``test`` and ``scores`` (path of a score file,
            relative to the manifest) and, optionally, ``dev`` (path of the development scores that set
            the threshold).
        figure: name of the figure; by default ``hter`` when every row has ``dev``, else ``d_eer``.
        at: rule for figures that need a threshold.
        resamples: bootstrap resamples of each cell.
        seed: of the resamples.
        tick: called after each cell.

    Raises:
        InputError: the manifest or one of its files cannot be used, or the figure is unknown or undefined.
    """
    path = Path(manifest)
    columns = read_table(path, ("train", "test", "scores"))
    devs = columns.get("dev", [""] * len(columns["train"]))
    figure = figure or ("hter" if all(devs) else "d_eer")
    if figure not in LABELS:
        raise InputError(f"figure {figure!r} is unknown; choose one of {', '.join(LABELS)}")
    cells: dict[tuple[str, str], Estimate] = {}
    fewest: dict[tuple[str, str], int] = {}
    simulated = False
    warnings: list[str] = []
    files = [path]
    for train, test, scores, dev in zip(
        columns["train"], columns["test"], columns["scores"], devs, strict=True
    ):
        if (train, test) in cells:
            raise InputError(f"{path}: {train} → {test} appears twice")
        given = ScoreSet.read(path.parent / scores)
        development = ScoreSet.read(path.parent / dev) if dev else None
        try:
            result = evaluate(given, dev=development, at=at, by=(), resamples=resamples, seed=seed)
        except InputError as error:
            raise InputError(f"{path}: {train} → {test}: {error}") from None
        files += [path.parent / each for each in (dev, scores) if each]
        simulated |= bool(given.simulated.any())
        warnings += remarks.reversed_scores(result.curve, f"The AUC of {train} → {test}")
        attacks = len(given) - result.bona_fide.errors.trials
        fewest[train, test] = min(result.bona_fide.errors.trials, attacks)
        cells[train, test] = result.figures[figure]
        if math.isnan(cells[train, test].value) and fewest[train, test]:
            raise InputError(
                f"{path}: {LABELS[figure]} of {train} → {test} is undefined: {result.figures[figure].note}; "
                "present more of that, or take its row out of the file"
            )
        if fewest[train, test] < FEWEST_PRESENTATIONS:
            note = TOO_FEW if fewest[train, test] >= FEWEST_OF_A_RATE else NO_RATE
            cells[train, test] = Estimate(cells[train, test].value, note=note)
        tick()
    train_names, test_names = tuple(dict.fromkeys(columns["train"])), tuple(dict.fromkeys(columns["test"]))
    unseen = [pair for pair in cells if pair[0] != pair[1]] or list(cells)
    counted = [pair for pair in unseen if cells[pair].note != NO_RATE]
    if left_out := [pair for pair in unseen if pair not in counted]:
        named = ", ".join(f"{train} → {test}: {fewest[train, test]}" for train, test in left_out[:_NAMED])
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        warnings.append(
            f"{len(left_out)} of {len(unseen)} pairs hold fewer than {FEWEST_OF_A_RATE} presentations of a "
            f"class ({named}{more}), which is no rate: they are in no mean and no worst. Test with more."
        )
    rows = {
        name: _summary(own, cells, figure)
        for name in train_names
        if (own := [pair for pair in counted if pair[0] == name])
    }
    return Matrix(
        figure,
        train_names,
        test_names,
        cells,
        rows,
        _summary(counted, cells, figure) if counted else None,
        simulated,
        tuple(files),
        sum(cells[pair].note == TOO_FEW for pair in counted),
        tuple(warnings),
    )


def _summary(
    pairs: Sequence[tuple[str, str]], cells: Mapping[tuple[str, str], Estimate], figure: str
) -> Summary:
    choose = max if LOWER_IS_BETTER[figure] else min
    where = choose(pairs, key=lambda pair: cells[pair].value)
    return Summary(math.fsum(cells[pair].value for pair in pairs) / len(pairs), cells[where].value, where)
