"""Sums of log likelihood ratios."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["LlrSum", "WeightedSum"]


@fusions.register("llr_sum")
class LlrSum(FusionRule):
    """Add up what is there: right where sources err independently and an attack shows in all of them."""

    level = "score"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the sums, (N,)."""
        return np.where(panel.present.any(1), np.nansum(panel.llr, axis=1), np.nan)


@fusions.register("weighted_sum")
class WeightedSum(FusionRule):
    """A weighted mean of the sources that are there, each weighing as far as it separated the classes.

    A weight is d', the distance between the class means in standard deviations, on the development scores.
    A source without a weight weighs 1.

    Attributes:
        weights: source → weight.
    """

    level = "score"
    learned: ClassVar[bool] = True

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)

    @classmethod
    def fit(cls, dev: Panel, bona_fide: NDArray[np.bool_]) -> Self:
        """Measure d' of each source."""
        weights = {}
        for index, source in enumerate(dev.sources):
            said = dev.present[:, index]
            genuine, attack = dev.llr[said & bona_fide, index], dev.llr[said & ~bona_fide, index]
            if not len(genuine) or not len(attack):
                weights[source] = 0.0
                continue
            spread = np.sqrt((genuine.var() + attack.var()) / 2)
            weights[source] = max(float((genuine.mean() - attack.mean()) / max(spread, 1e-9)), 0.0)
        return cls(weights=weights)

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the weighted means, (N,)."""
        weights = np.array([self.weights.get(source, 1.0) for source in panel.sources]) * panel.present
        total = weights.sum(1)
        mean = np.nansum(weights * np.nan_to_num(panel.llr), axis=1) / np.where(total > 0, total, 1.0)
        # Sources of no weight at all still say something: their plain mean.
        plain = np.nansum(panel.llr, axis=1) / np.maximum(panel.present.sum(1), 1)
        return np.where(panel.present.any(1), np.where(total > 0, mean, plain), np.nan)
