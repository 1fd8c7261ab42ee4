"""Several calibrated scores → one. A rule is one file here; the command line and the contract tests find it.

A source is whatever gives one log likelihood ratio: a bundle with its sensors, or a system with a score file.
What is absent or was rejected is NaN, and has no say: every rule gives the same answer as if that source did
not exist.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from antispoof.errors import InputError
from antispoof.registry import Registry

__all__ = ["MOST_SOURCES", "FusionRule", "Panel", "contributions", "fusions"]

MOST_SOURCES = 32
MOST_EXPLAINED = 10  # 2 ** sources evaluations stand behind an explanation

Level = Literal["score", "decision", "rank"]


@dataclass(frozen=True, slots=True)
class Panel:
    """What M sources say of N presentations.

    Attributes:
        sources: M names.
        llr: float64 (N, M), natural-log likelihood ratios; NaN where a source is absent or was rejected.
        quality: float64 (N, M), 0 (worst) to 1 (best); NaN where unknown.
        thresholds: float64 (M,), where each source alone begins to say bona fide.
    """

    sources: tuple[str, ...]
    llr: NDArray[np.float64]
    quality: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        sources: tuple[str, ...],
        llr: NDArray[np.float64],
        quality: NDArray[np.float64] | None = None,
        thresholds: NDArray[np.float64] | None = None,
    ) -> Panel:
        """Fill in unknown qualities, and 0 for each threshold; put the sources in the order of their names.

        Raises:
            InputError: shapes do not fit, a ratio is infinite, a name repeats or there are too many.
        """
        llr = np.asarray(llr, np.float64)
        quality = np.full_like(llr, np.nan) if quality is None else np.asarray(quality, np.float64)
        thresholds = np.zeros(len(sources)) if thresholds is None else np.asarray(thresholds, np.float64)
        if llr.ndim != 2 or llr.shape[1] != len(sources) or quality.shape != llr.shape:
            raise InputError(
                f"llr and quality must be (N, {len(sources)}), got {llr.shape} and {quality.shape}"
            )
        if thresholds.shape != (len(sources),) or not np.isfinite(thresholds).all():
            raise InputError(f"thresholds must be {len(sources)} finite numbers, got {thresholds}")
        if np.isinf(llr).any():
            raise InputError("llr must be finite, or NaN for an absent source")
        if len(set(sources)) != len(sources) or not 1 <= len(sources) <= MOST_SOURCES:
            raise InputError(f"there must be 1 to {MOST_SOURCES} sources of different names, got {sources}")
        # One order, so that sums are the same to the last bit however the caller ordered them.
        order = sorted(range(len(sources)), key=lambda index: sources[index])
        names = tuple(sources[index] for index in order)
        return cls(names, llr[:, order], quality[:, order], thresholds[order])

    @property
    def present(self) -> NDArray[np.bool_]:
        """bool (N, M): which sources have a say."""
        return ~np.isnan(self.llr)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Panel:
        """Return the presentations at ``rows``."""
        return Panel(self.sources, self.llr[rows], self.quality[rows], self.thresholds)

    def masked(self, keep: NDArray[np.bool_]) -> Panel:
        """Return the same with the sources that ``keep`` (N, M) leaves out taken for absent."""
        return Panel(self.sources, np.where(keep, self.llr, np.nan), self.quality, self.thresholds)


class FusionRule(BaseModel, ABC):
    """One rule with its parameters, as they stand in a policy file.

    Attributes:
        level: whether it works on scores, on decisions at each source's threshold, or on ranks.
        monotone: whether a higher ratio of any source can never lower the result.
        learned: whether `fit` reads the development scores.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    level: ClassVar[Level]
    monotone: ClassVar[bool] = True
    learned: ClassVar[bool] = False

    @classmethod
    def fit(cls, dev: Panel, bona_fide: NDArray[np.bool_]) -> Self:  # noqa: ARG003
        """Fit on development scores; a rule that learns nothing has its default parameters.

        Args:
            dev: what the sources said, (N, M).
            bona_fide: (N,), both classes present.
        """
        return cls()

    @abstractmethod
    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return one number a presentation, (N,), higher = bona fide; NaN where nothing can be said."""


fusions: Registry[type[FusionRule]] = Registry("fusion rule", __name__)


def contributions(rule: FusionRule, panel: Panel) -> NDArray[np.float64]:
    """Share the fused score of one presentation out among its sources, by their Shapley values.

    What a source adds to the score, averaged over all orders in which the sources could have come; with
    nothing at all the score is 0. For the sum of log likelihood ratios these are the ratios themselves.

    Args:
        rule: any.
        panel: one presentation, (1, M).

    Returns:
        float64 (M,); they sum to the fused score. 0 for an absent source.

    References:
        L. Shapley, "A value for n-person games", 1953.
    """
    present = np.flatnonzero(panel.present[0])
    shares = np.zeros(len(panel.sources))
    count = len(present)
    if not 0 < count <= MOST_EXPLAINED:
        return shares
    if count == len(shares) == 1:
        return np.asarray(np.nan_to_num(rule.fuse(panel)), np.float64)
    groups = [group for size in range(1, count + 1) for group in combinations(present.tolist(), size)]
    keep = np.zeros((len(groups), len(panel.sources)), np.bool_)
    for row, group in enumerate(groups):
        keep[row, list(group)] = True
    repeated = panel.take(np.zeros(len(groups), np.intp))
    worth = dict(zip(groups, np.nan_to_num(rule.fuse(repeated.masked(keep))).tolist(), strict=True))
    worth[()] = 0.0
    for source in present.tolist():
        for group in (group for group in worth if source not in group):
            weight = factorial(len(group)) * factorial(count - len(group) - 1) / factorial(count)
            shares[source] += weight * (worth[tuple(sorted((*group, source)))] - worth[group])
    return shares
