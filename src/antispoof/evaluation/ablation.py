"""What each part of a system contributes: paired differences to the full system, over several trainings."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antispoof.errors import InputError
from antispoof.evaluation.confidence import Interval, student_quantile
from antispoof.evaluation.error_rates import LABELS, LOWER_IS_BETTER

__all__ = ["FEWEST_SEEDS", "FULL", "Ablation", "Contribution", "ablation"]

FULL = "full system"
FEWEST_SEEDS = 3
"""From two values Student's interval is some nine times as wide as their distance: none is told."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One variant beside the full system.

    Attributes:
        name: what is removed or swapped.
        values: the figure, one a seed.
        mean: of ``values``.
        difference: mean of the paired differences to the full system; positive is a greater value.
        interval: 95 % Student interval of the difference over the seeds; NaN for fewer than three.
    """

    name: str
    values: tuple[float, ...]
    mean: float
    difference: float
    interval: Interval

    @property
    def clear(self) -> bool:
        """True when the interval leaves out 0."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True, slots=True)
class Ablation:
    """An ablation study.

    Attributes:
        figure: which figure, see `antispoof.evaluation.error_rates.LABELS`.
        seeds: of the trainings.
        full: values of the full system, one a seed.
        contributions: the variants, in the order in which they were given.
        simulated: True when any presentation is simulated.
    """

    figure: str
    seeds: tuple[int, ...]
    full: tuple[float, ...]
    contributions: tuple[Contribution, ...]
    simulated: bool

    @property
    def lower_is_better(self) -> bool:
        """Of the figure."""
        return LOWER_IS_BETTER[self.figure]

    def write(self, path: Path) -> None:
        """Write a CSV file: one row a variant, the full system first."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            seeds = [f"{self.figure} (seed {seed})" for seed in self.seeds]
            writer.writerow(["variant", *seeds, "mean", "difference", "low", "high", "simulated"])
            mark = str(self.simulated).lower()
            writer.writerow([FULL, *self.full, _mean(self.full), "", "", "", mark])
            for one in self.contributions:
                ends = ["" if math.isnan(end) else end for end in (one.interval.low, one.interval.high)]
                writer.writerow([one.name, *one.values, one.mean, one.difference, *ends, mark])


def ablation(
    figure: str,
    seeds: Sequence[int],
    full: Sequence[float],
    variants: Mapping[str, Sequence[float]],
    simulated: bool,
) -> Ablation:
    """Compare variants with the full system, seed by seed.

    Args:
        figure: which figure the values are.
        seeds: of the trainings, S ≥ 2.
        full: (S,), values of the full system.
        variants: name → (S,), values with the same seeds.
        simulated: whether any presentation is simulated.

    Raises:
        InputError: there are fewer than two seeds, a value is missing or not finite, or the figure is
            unknown.
    """
    if figure not in LABELS:
        raise InputError(f"figure {figure!r} is unknown; choose one of {', '.join(LABELS)}")
    for name, values in {FULL: full, **variants}.items():
        if len(values) != len(seeds) or len(seeds) < 2:
            raise InputError(
                f"{name!r} has {len(values)} values for {len(seeds)} seeds; two or more are needed"
            )
        if not all(map(math.isfinite, values)):
            raise InputError(f"{LABELS[figure]} of {name!r} is not a finite number in every training")
    found = []
    for name, values in variants.items():
        differences = [value - base for value, base in zip(values, full, strict=True)]
        mean = _mean(differences)
        spread = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (len(seeds) - 1))
        half = math.nan
        if len(seeds) >= FEWEST_SEEDS:
            half = student_quantile(0.975, len(seeds) - 1) * spread / math.sqrt(len(seeds))
        found.append(
            Contribution(name, tuple(values), _mean(values), mean, Interval(mean - half, mean + half))
        )
    return Ablation(figure, tuple(seeds), tuple(full), tuple(found), simulated)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
