"""Where scores lie, seen so that a few bad ones hardly move it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["typical_score"]

TRIMMED_SHARE = 0.25  # of the scores, at either end: one bad capture in four changes little


def typical_score(scores: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float:
    """Return the mean of the middle half of the scores, which a few bad captures hardly move.

    Args:
        scores: (N,).
        weights: (N,), positive; None weighs all alike.
    """
    weights = np.ones_like(scores) if weights is None else weights
    order = np.argsort(scores)
    share = weights[order] / weights.sum()
    upper = np.cumsum(share)
    kept = np.minimum(upper, 1 - TRIMMED_SHARE) - np.maximum(upper - share, TRIMMED_SHARE)
    return float(np.average(scores[order], weights=np.maximum(kept, 0)))
