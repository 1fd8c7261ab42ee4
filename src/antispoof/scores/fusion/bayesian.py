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
    and otherwise in some of them, each proper subset being as likely as another. With L_S the sum of the
    ratios of subset S the result is the log likelihood ratio ``-log Σ_S P(S) e^(-L_S)``. Its costs and prior
    of an attack are the policy's, in the threshold.

    Attributes:
        partial: P(an attack shows in some of the sensors only), 0 to below 1; 0 gives the plain sum.

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
        # The sum over all subsets is a product: Σ_S Π_(m in S) e^(-llr) = Π_m (1 + e^(-llr)).
        every = np.where(present, np.logaddexp(0, -np.nan_to_num(panel.llr)), 0.0).sum(1)
        whole = -np.nansum(panel.llr, axis=1)
        subsets = 2.0 ** np.maximum(count, 1) - 2  # neither the empty one nor all
        proper = _log_minus(every, np.logaddexp(0, whole)) - np.log(np.maximum(subsets, 1))
        both = np.logaddexp(math.log1p(-self.partial) + whole, _log(self.partial) + proper)
        fused = -np.where(subsets > 0, both, whole)
        return np.where(count > 0, fused, np.nan)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _log_minus(larger: NDArray[np.float64], smaller: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(e^larger - e^smaller), -inf where rounding makes them equal."""
    share = -np.expm1(np.minimum(smaller - larger, 0.0))
    return np.where(share > 0, larger + np.log(np.where(share > 0, share, 1.0)), -np.inf)
