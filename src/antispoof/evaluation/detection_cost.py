"""Detection cost functions, as the ASVspoof challenges weigh the two errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.curve import ErrorCurve

__all__ = ["ASVSPOOF5", "DetectionCost", "act_dcf", "min_dcf"]


@dataclass(frozen=True, slots=True)
class DetectionCost:
    """What an error costs and how often its occasion arises.

    Attributes:
        pi_spoof: prior probability of an attack, between 0 and 1.
        c_miss: cost of rejecting a bona fide presentation.
        c_fa: cost of accepting an attack.
    """

    pi_spoof: float = 0.05
    c_miss: float = 1.0
    c_fa: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what is no probability or no cost."""
        if not 0 < self.pi_spoof < 1 or self.c_miss <= 0 or self.c_fa <= 0:
            raise InputError(f"pi_spoof must lie between 0 and 1 and the costs above 0, got {self}")

    @property
    def weights(self) -> tuple[float, float]:
        """Factors of BPCER and APCER, scaled so that the better of the two trivial systems costs 1."""
        miss, false_alarm = self.c_miss * (1 - self.pi_spoof), self.c_fa * self.pi_spoof
        return miss / min(miss, false_alarm), false_alarm / min(miss, false_alarm)

    @property
    def threshold(self) -> float:
        """Bayes threshold on natural-log likelihood ratios, -ln β with β = C_miss (1 - π) / (C_fa π)."""
        miss, false_alarm = self.weights
        return -math.log(miss / false_alarm)


ASVSPOOF5 = DetectionCost()
"""π_spoof = 0.05, C_miss = 1, C_fa = 10 (ASVspoof 5, track 1)."""


def min_dcf(bona_fide: ArrayLike, attack: ArrayLike, cost: DetectionCost = ASVSPOOF5) -> float:
    """Lowest normalised detection cost over all thresholds; 1 is a system that always answers the same.

    Examples:
        >>> min_dcf([0.3, 0.6, 0.8, 0.9], [0.1, 0.2, 0.4, 0.7])
        0.5
    """
    return ErrorCurve.of(bona_fide, attack).lowest_cost(*cost.weights)[0]


def act_dcf(bona_fide: ArrayLike, attack: ArrayLike, cost: DetectionCost = ASVSPOOF5) -> float:
    """Normalised detection cost at the Bayes threshold; the scores must be natural-log likelihood ratios.

    Examples:
        >>> round(ASVSPOOF5.threshold, 4)
        -0.6419
        >>> act_dcf([-1.0, 2.0, 4.0, 5.0], [-6.0, -3.0])
        0.475
    """
    miss, false_alarm = cost.weights
    return miss * metrics.bpcer(bona_fide, cost.threshold) + false_alarm * metrics.apcer(
        attack, cost.threshold
    )
