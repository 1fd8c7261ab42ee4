"""Whether scores may stand the wrong way round: an exact test of the ranks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.curve import ErrorCurve

__all__ = ["chance_of_auc_at_most"]

EXACT_MEMBERS = 20  # of the smaller class
EXACT_TOTAL = 300
UNIFORM_MEMBERS = 10


def chance_of_auc_at_most(curve: ErrorCurve) -> float:
    """Chance that scores which say nothing have an AUC as low as these, or lower.

    Exact, ties included, where the smaller class has at most 20 presentations and both together 300: the
    distribution of the sum of its midranks over all ways to draw it. Beyond, a class of up to 10 is taken for
    draws from a uniform distribution, whose sum has a distribution in closed form (Irwin and Hall), and a
    larger one by the normal approximation with correction for ties.

    References:
        H. Mann and D. Whitney, "On a test of whether one of two random variables is stochastically larger
        than the other", Annals of Mathematical Statistics 18, 1947; E. Lehmann, "Nonparametrics", 1975.
    """
    genuine = np.diff(curve.rejected_bona_fide).astype(np.int64)
    attacks = np.diff(curve.rejected_attacks).astype(np.int64)
    together = genuine + attacks
    # Twice the midrank of each distinct score, a whole number.
    midranks = 2 * (np.cumsum(together) - together) + together + 1
    total, few = int(together.sum()), min(int(genuine.sum()), int(attacks.sum()))
    smaller, low = (genuine, True) if genuine.sum() <= attacks.sum() else (attacks, False)
    if few <= EXACT_MEMBERS and total <= EXACT_TOTAL:
        ways = _ways(midranks.repeat(together), few)
        observed = int(smaller @ midranks)
        tail = ways[: observed + 1] if low else ways[observed:]
        return float(tail.sum() / ways.sum())
    if few <= UNIFORM_MEMBERS:
        share = float(smaller @ (midranks - 1)) / (2 * total)
        return _sum_of_uniforms_at_most(share if low else few - share, few)
    many, other = int(genuine.sum()), int(attacks.sum())
    tied = float((together.astype(np.float64) ** 3 - together).sum()) / (total * (total - 1.0))
    spread = math.sqrt(many * other / 12 * (total + 1 - tied))
    if spread == 0:
        return 1.0
    wins = float(genuine @ midranks) / 2 - many * (many + 1) / 2
    return 0.5 * math.erfc((many * other / 2 - wins) / spread / math.sqrt(2))


def _ways(doubled: NDArray[np.int64], members: int) -> NDArray[np.float64]:
    """Count the ways to draw ``members`` of the ranks with each sum."""
    most = int(np.sort(doubled)[-members:].sum())
    ways = np.zeros((members + 1, most + 1))
    ways[0, 0] = 1.0
    for rank in doubled.tolist():
        ways[1:, rank:] += ways[:-1, : most + 1 - rank].copy()
    return np.asarray(ways[members])


def _sum_of_uniforms_at_most(value: float, members: int) -> float:
    if value > members / 2:  # the other tail, where terms of the sum do not cancel
        return 1 - _sum_of_uniforms_at_most(members - value, members)
    terms = ((-1) ** k * math.comb(members, k) * (value - k) ** members for k in range(math.floor(value) + 1))
    return math.fsum(terms) / math.factorial(members)
