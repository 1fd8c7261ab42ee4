"""Ask for the next sensor only while the first ones leave it open."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["Sequential"]

Share = Annotated[float, Field(gt=0, lt=0.5)]


@fusions.register("sequential")
class Sequential(FusionRule):
    """Wald's test: ratios are added up one by one until the sum is sure enough either way.

    It stops at ``log((1 - miss) / false_accept)`` or ``log(miss / (1 - false_accept))``; where it never gets
    there, the sum of all counts. Not monotone as a score: a stronger first source ends the test earlier.

    Attributes:
        order: which source is asked first; those not named come last, in alphabetical order.
        miss: share of bona fide presentations that it may reject when it stops early.
        false_accept: share of attacks that it may accept when it stops early.

    References:
        A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16, 1945.
    """

    level = "decision"
    monotone: ClassVar[bool] = False
    learned: ClassVar[bool] = True

    order: tuple[str, ...] = ()
    miss: Share = 0.01
    false_accept: Share = 0.01

    @classmethod
    def fit(cls, dev: Panel, bona_fide: NDArray[np.bool_]) -> Self:
        """Ask first what costs the least Cllr on the development scores."""
        losses = {}
        for source, llr in zip(dev.sources, dev.llr.T, strict=True):
            said = ~np.isnan(llr)
            parts = np.logaddexp(0, -llr[said & bona_fide]), np.logaddexp(0, llr[said & ~bona_fide])
            losses[source] = sum(float(part.mean()) if len(part) else math.inf for part in parts)
        return cls(order=tuple(sorted(losses, key=lambda source: (losses[source], source))))

    @property
    def bounds(self) -> tuple[float, float]:
        """The sums at which it stops: attack at or below the first, bona fide at or above the second."""
        return (
            math.log(self.miss / (1 - self.false_accept)),
            math.log((1 - self.miss) / self.false_accept),
        )

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the sum at which the test stopped, (N,)."""
        return self._run(panel)[0]

    def asked(self, panel: Panel) -> NDArray[np.intp]:
        """Return how many sources had to be asked, (N,)."""
        return self._run(panel)[1]

    def _run(self, panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        low, high = self.bounds
        total, asked = np.zeros(len(panel.llr)), np.zeros(len(panel.llr), np.intp)
        places = {source: place for place, source in enumerate(self.order)}
        for source in sorted(panel.sources, key=lambda source: (places.get(source, len(places)), source)):
            llr = panel.llr[:, panel.sources.index(source)]
            goes_on = (total > low) & (total < high) & ~np.isnan(llr)
            total += np.where(goes_on, np.nan_to_num(llr), 0.0)
            asked += goes_on
        return np.where(panel.present.any(1), total, np.nan), asked
