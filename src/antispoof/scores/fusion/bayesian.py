"""Bayes' rule with a stated prior of which sensors an attack shows in."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["Bayesian"]


@fusions.register("bayesian")
class Bayesian(FusionRule):
    """An attack may show in all sensors, or leave some with nothing to see.

    The sum of log likelihood ratios takes for granted that an attack shows in every sensor, so one that was
    fooled can outvote one that saw it. Here an attack shows in all sensors with probability ``1 - partial``
    and otherwise in one of them alone, each being as likely as another: whoever attacks takes the cheapest
    way, and what shows in two shows in each of them. With l_m the M ratios the result is the log likelihood
    ratio ``-log((1 - partial) e^(-Σ l_m) + partial Σ e^(-l_m) / M)``. Its costs and prior of an attack are
    the policy's, in the threshold.

    Attributes:
        partial: P(an attack shows in one sensor only), 0 to below 1; 0 gives the plain sum.

    References:
        R. Rodrigues, L. Ling and V. Govindaraju, "Robustness of multimodal biometric fusion methods against
        spoof attacks", J. Visual Languages and Computing 20, 2009, where only the sensors differ in weight.
    """

    level = "score"

    partial: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the log likelihood ratios, (N,)."""
        present = panel.present
        count = present.sum(1)
        everywhere = -np.nansum(panel.llr, axis=1)
        each = np.where(present, -np.nan_to_num(panel.llr), -np.inf)
        alone = np.logaddexp.reduce(each, axis=1) - np.log(np.maximum(count, 1))
        fused = -np.logaddexp(math.log1p(-self.partial) + everywhere, _log(self.partial) + alone)
        return np.where(count > 1, fused, np.where(count > 0, -everywhere, np.nan))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
