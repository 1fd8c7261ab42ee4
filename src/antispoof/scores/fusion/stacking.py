"""Learned stacking: logistic regression on ratios and qualities, weights for each set of sensors."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.scores.calibration import Number
from antispoof.scores.fusion import FusionRule, Panel, fusions
from antispoof.scores.logistic import fit_logistic

__all__ = ["Stacking", "StackingWeights"]

MOST_WITH_ALL_SUBSETS = 6  # sources
LEAST = 10  # development presentations of each class that a set of sensors needs
RIDGE = 1e-4

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class StackingWeights(BaseModel):
    """For one set of sources: ``intercept + Σ (weight + quality_weight * quality) * llr + bias * quality``.

    Attributes:
        llr: weight of each source's ratio, at the worst quality.
        quality: how much that weight grows up to the best quality.
        quality_bias: what the best quality alone adds; 0 unless fitted.
        intercept: what is added in any case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    llr: dict[str, Weight]
    quality: dict[str, Weight] = {}
    quality_bias: dict[str, Number] = {}
    intercept: Number


@fusions.register("stacking")
class Stacking(FusionRule):
    """Weights learned together, so that two sources that say the same are not counted twice.

    No weight is negative, and a set of sources has weights of its own: they were fitted as if the others did
    not exist, so the answer is a log likelihood ratio whatever is missing. A set that was not fitted falls
    back on the largest fitted set inside it.

    Attributes:
        subsets: names joined with ``+`` in alphabetical order → weights.
        usual_quality: what an unknown quality of a source counts as.

    References:
        S. Pigeon, P. Druyts and P. Verlinde, "Applying logistic regression to the fusion of the NIST'99
        1-speaker submissions", Digital Signal Processing 10, 2000; N. Poh and J. Kittler, "A unified
        framework for biometric expert fusion incorporating quality measures", IEEE TPAMI 34, 2012.
    """

    level = "score"
    learned: ClassVar[bool] = True

    subsets: Annotated[dict[str, StackingWeights], Field(min_length=1)]
    usual_quality: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)

    @classmethod
    def fit(cls, dev: Panel, bona_fide: NDArray[np.bool_]) -> Self:
        """Fit every subset of up to 6 sources; of more, single ones and the sets that occur.

        Raises:
            InputError: there is no source that both classes have.
        """
        count = len(dev.sources)
        groups: set[tuple[int, ...]] = {(index,) for index in range(count)}
        if count <= MOST_WITH_ALL_SUBSETS:
            groups |= {group for size in range(2, count + 1) for group in combinations(range(count), size)}
        else:
            groups |= {tuple(np.flatnonzero(row).tolist()) for row in np.unique(dev.present, axis=0)} - {()}
        usual = {
            source: float(np.nanmedian(column))
            for source, column in zip(dev.sources, dev.quality.T, strict=True)
            if not np.isnan(column).all()
        }
        known = np.column_stack(
            [
                np.where(np.isnan(column), usual.get(source, 1.0), column)
                for source, column in zip(dev.sources, dev.quality.T, strict=True)
            ]
        )
        subsets = {}
        for group in sorted(groups):
            rows = np.asarray(dev.present[:, group].all(axis=1))
            if min((rows & bona_fide).sum(), (rows & ~bona_fide).sum()) >= LEAST:
                key = "+".join(dev.sources[index] for index in group)
                subsets[key] = _fit(dev, known, usual, np.array(group), rows, bona_fide)
        if not subsets:
            raise InputError(f"stacking needs {LEAST} development presentations of each class from a source")
        return cls(subsets=subsets, usual_quality=usual)

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the log likelihood ratios, (N,)."""
        known = np.column_stack(
            [
                np.where(np.isnan(column), self.usual_quality.get(source, 1.0), column)
                for source, column in zip(panel.sources, panel.quality.T, strict=True)
            ]
        )
        sets, set_of = np.unique(panel.present @ (1 << np.arange(len(panel.sources))), return_inverse=True)
        rows = np.array([self._row(panel.sources, int(code)) for code in sets])[set_of.reshape(-1)]
        weight, growth, bias = np.split(rows[:, :-1], 3, axis=1)
        terms = (weight + growth * known) * np.nan_to_num(panel.llr) + bias * known
        return np.asarray(rows[:, -1] + terms.sum(1), np.float64)

    def _row(self, sources: tuple[str, ...], code: int) -> list[float]:
        """Lay out the weights of one set of sources, a bit each: ratios, qualities, biases, intercept."""
        weights = self._weights([source for k, source in enumerate(sources) if code >> k & 1])
        if weights is None:
            return [0.0] * 3 * len(sources) + [np.nan]
        parts = (weights.llr, weights.quality, weights.quality_bias)
        return [part.get(source, 0.0) for part in parts for source in sources] + [weights.intercept]

    def _weights(self, there: list[str]) -> StackingWeights | None:
        whole = self.subsets.get("+".join(there))
        if whole is not None:
            return whole
        inside = [weights for weights in self.subsets.values() if set(weights.llr) <= set(there)]
        return max(inside, key=lambda weights: (len(weights.llr), sorted(weights.llr)), default=None)


def _fit(
    dev: Panel,
    known: NDArray[np.float64],
    usual: dict[str, float],
    group: NDArray[np.intp],
    rows: NDArray[np.bool_],
    bona_fide: NDArray[np.bool_],
) -> StackingWeights:
    measured = np.array([index for index in group if dev.sources[index] in usual], np.intp)
    llr, quality = dev.llr[rows], known[rows]
    columns = np.hstack([llr[:, group], llr[:, measured] * quality[:, measured], quality[:, measured]])
    bound = np.repeat([True, True, False], [len(group), len(measured), len(measured)])
    weights, intercept = fit_logistic(columns, bona_fide[rows], nonnegative=bound, ridge=RIDGE)
    names, with_quality = [dev.sources[i] for i in group], [dev.sources[i] for i in measured]
    parts = np.split(weights, [len(group), len(group) + len(measured)])
    return StackingWeights(
        llr=dict(zip(names, np.maximum(parts[0], 0).tolist(), strict=True)),
        quality=dict(zip(with_quality, np.maximum(parts[1], 0).tolist(), strict=True)),
        quality_bias=dict(zip(with_quality, parts[2].tolist(), strict=True)),
        intercept=intercept,
    )
