"""Votes: each source decides at its own threshold, and the decisions are counted.

The number that these rules return is the margin of the decisive vote: 0 or more where the sources together
say bona fide. Moving all thresholds alike moves it alike, so that a whole error curve can be drawn.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["All", "Any", "KOfN", "Majority"]


@fusions.register("and")
class All(FusionRule):
    """Every source that is there must say bona fide: false rejects add up with every sensor."""

    level = "decision"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the lowest margin, (N,)."""
        return _margin_of_vote(panel, panel.present.sum(1))


@fusions.register("or")
class Any(FusionRule):
    """One source that says bona fide is enough: false accepts add up with every sensor."""

    level = "decision"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the highest margin, (N,)."""
        return _margin_of_vote(panel, np.ones(len(panel.llr), np.intp))


@fusions.register("majority")
class Majority(FusionRule):
    """More than half of the sources that are there must say bona fide."""

    level = "decision"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the margin of the vote that makes the majority, (N,)."""
        return _margin_of_vote(panel, panel.present.sum(1) // 2 + 1)


@fusions.register("k_of_n")
class KOfN(FusionRule):
    """At least ``k`` sources must say bona fide; where fewer are there, nothing can be said.

    Attributes:
        k: how many, 1 or more.
    """

    level = "decision"

    k: Annotated[int, Field(ge=1)] = 2

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the k-th highest margin, (N,)."""
        return _margin_of_vote(panel, np.full(len(panel.llr), self.k))


def _margin_of_vote(panel: Panel, needed: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the margin of the ``needed``-th most favourable source, NaN where there are fewer."""
    margins = np.where(panel.present, panel.llr - panel.thresholds, -np.inf)
    descending = -np.sort(-margins, axis=1)
    at = np.clip(needed - 1, 0, len(panel.sources) - 1)
    chosen = np.take_along_axis(descending, at[:, None], axis=1)[:, 0]
    return np.where((needed >= 1) & (needed <= panel.present.sum(1)), chosen, np.nan)
