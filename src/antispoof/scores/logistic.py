"""Logistic regression with both classes weighing the same, so that log odds are log likelihood ratios."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Linear", "balanced_weights", "fit_logistic", "sigmoid"]

ITERATIONS = 100


class Linear(NamedTuple):
    """``x @ weight + bias``: natural-log odds, bona fide against attack, at even prior odds.

    Attributes:
        weight: (D,).
        bias: of the sum.
    """

    weight: NDArray[np.float64]
    bias: float

    def __call__(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """Apply to (N, D)."""
        return np.asarray(x.astype(np.float64) @ self.weight + self.bias, np.float64)


def sigmoid(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x) without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0, -x)), np.float64)


def balanced_weights(
    bona_fide: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Weigh presentations (N,) so that each class sums to one half; ``weights`` hold within a class."""
    weights = np.ones(len(bona_fide)) if weights is None else weights
    shares = 0.5 / np.float64(weights[bona_fide].sum()), 0.5 / np.float64(weights[~bona_fide].sum())
    return np.asarray(weights * np.where(bona_fide, *shares), np.float64)


def fit_logistic(
    x: NDArray[np.floating],
    bona_fide: NDArray[np.bool_],
    *,
    nonnegative: NDArray[np.bool_] | None = None,
    ridge: float = 1e-6,
    weights: NDArray[np.float64] | None = None,
    changes: NDArray[np.floating] | None = None,
) -> Linear:
    """Minimise Cllr of ``x @ weight + bias`` by projected Newton steps.

    Args:
        x: (N, D), finite.
        bona_fide: (N,), both classes present.
        nonnegative: (D,), which weights may not be negative; None binds none.
        ridge: penalty on each weight per unit of its column's variance; keeps weights finite where the
            classes do not overlap.
        weights: (N,), positive, how much each row counts within its class; None counts all alike.
        changes: (K, D), what may become of rows without a word on their class: half of the square of the
            covariance of the log odds with ``x @ change``, columns taken as uncorrelated, is added to what is
            minimised for each.

    Raises:
        ValueError: a class is missing.

    References:
        D. Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J.
        Control and Optimization 20, 1982.
    """
    if bona_fide.all() or not bona_fide.any():
        raise ValueError("logistic regression needs both classes")
    centre, scale = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    varies = scale > 1e-12 * (1 + np.abs(centre))
    scale = np.where(varies, scale, 1.0)
    design: Any = np.column_stack([np.where(varies, (x - centre) / scale, 0.0), np.ones(len(x))])
    bound = np.zeros(design.shape[1], np.bool_)
    if nonnegative is not None:
        bound[:-1] = nonnegative
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    penalty[:-1][~varies] = 1.0  # such a column says nothing: its weight stays zero
    steady: Any = np.zeros((0 if changes is None else len(changes), design.shape[1]))
    if changes is not None:
        steady[:, :-1] = np.where(varies, changes * scale, 0.0)
    weight, sign = balanced_weights(bona_fide, weights), np.where(bona_fide, 1.0, -1.0)

    def loss(theta: NDArray[np.float64]) -> float:
        cllr = weight @ np.logaddexp(0, -sign * (design @ theta))
        return float(cllr + penalty @ theta**2 / 2 + np.sum((steady @ theta) ** 2) / 2)

    theta = np.zeros(design.shape[1])
    before = loss(theta)
    for _ in range(ITERATIONS):
        probability = sigmoid(design @ theta)
        gradient = design.T @ (weight * (probability - bona_fide)) + penalty * theta
        gradient += steady.T @ (steady @ theta)
        curvature = weight * np.maximum(probability * (1 - probability), 1e-12)
        hessian = design.T @ (curvature[:, None] * design) + np.diag(penalty) + steady.T @ steady
        free = ~(bound & (theta <= 0) & (gradient > 0))
        step = np.zeros_like(theta)
        step[free] = np.linalg.lstsq(hessian[np.ix_(free, free)], gradient[free], rcond=None)[0]
        rate = 1.0
        while True:
            proposed = theta - rate * step
            proposed[bound] = np.maximum(proposed[bound], 0)
            after = loss(proposed)
            if after <= before or rate < 1e-10:
                break
            rate /= 2
        moved = float(np.abs(proposed - theta).max())
        if after <= before:
            theta, before = proposed, after
        if moved < 1e-10 or rate < 1e-10:
            break
    slopes = theta[:-1] / scale
    return Linear(slopes, float(theta[-1] - slopes @ centre))
