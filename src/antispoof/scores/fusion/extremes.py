"""The strongest and the weakest source alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["Maximum", "Minimum"]


@fusions.register("minimum")
class Minimum(FusionRule):
    """The lowest ratio counts: one suspicious sensor is enough."""

    level = "score"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the lowest, (N,)."""
        lowest = np.where(panel.present, panel.llr, np.inf).min(1)
        return np.where(panel.present.any(1), lowest, np.nan)


@fusions.register("maximum")
class Maximum(FusionRule):
    """The highest ratio counts: one convincing sensor is enough, so fooling one is enough too."""

    level = "score"

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the highest, (N,)."""
        highest = np.where(panel.present, panel.llr, -np.inf).max(1)
        return np.where(panel.present.any(1), highest, np.nan)
