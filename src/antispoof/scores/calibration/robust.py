"""An affine map that saturates: no single sensor can claim more than its development data could show."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.calibration import Number, ScoreCalibration, calibrations, saturated
from antispoof.scores.logistic import balanced_weights, fit_logistic, sigmoid

__all__ = ["Robust"]

SHARES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
ITERATIONS = 40


@calibrations.register("robust")
class Robust(ScoreCalibration):
    """Logistic regression in which a share of the presentations is of the other class than they look.

    The chance of bona fide is ``outliers + (1 - 2 outliers) * sigmoid(slope * score + intercept)``, so a few
    wild scores hardly move the fit, and no ratio exceeds ``log((1 - outliers) / outliers)``.

    References:
        J. Copas, "Binary regression models for contaminated data", J. Royal Statistical Society B 50, 1988.
    """

    slope: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    intercept: Number
    outliers: Annotated[float, Field(gt=0, lt=0.5)]

    @classmethod
    def fit(
        cls,
        score: NDArray[np.float64],
        bona_fide: NDArray[np.bool_],
        quality: NDArray[np.float64] | None = None,  # noqa: ARG003 - the map has one argument
    ) -> Self:
        """Fit by Fisher scoring; the share of outliers is the likeliest of a few, at least 1 in N + 2."""
        weights, intercept = fit_logistic(score[:, None], bona_fide)
        centre, scale = float(score.mean()), float(score.std()) or 1.0
        start = np.array([max(float(weights[0]), 0.0) * scale, intercept + float(weights[0]) * centre])
        x: Any = np.column_stack([(score - centre) / scale, np.ones_like(score)])
        least = 1 / (len(score) + 2)
        best: tuple[float, NDArray[np.float64], float] | None = None
        for share in sorted({max(share, least) for share in SHARES if max(share, least) < 0.5} or {0.25}):
            theta, loss = _scored(x, bona_fide, start, share)
            if best is None or loss < best[0]:
                best = loss, theta, share
        assert best is not None
        _, theta, share = best
        slope = max(float(theta[0]), 0.0) / scale
        return cls(slope=slope, intercept=float(theta[1]) - slope * centre, outliers=share)

    def __call__(
        self, score: NDArray[np.float64], quality: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Apply the map."""
        del quality  # one of the arguments that every calibration takes
        logit = self.slope * score + self.intercept
        return saturated(logit, math.log((1 - self.outliers) / self.outliers))


def _scored(
    x: NDArray[np.float64], bona_fide: NDArray[np.bool_], start: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], float]:
    weight = balanced_weights(bona_fide)

    def chance(theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        clean = sigmoid(x @ theta)
        return share + (1 - 2 * share) * clean, clean

    def loss(theta: NDArray[np.float64]) -> float:
        mixed, _ = chance(theta)
        return float(-weight @ np.log(np.where(bona_fide, mixed, 1 - mixed)))

    theta, before = start.copy(), loss(start)
    for _ in range(ITERATIONS):
        mixed, clean = chance(theta)
        slope = (1 - 2 * share) * clean * (1 - clean)
        spread = mixed * (1 - mixed)
        gradient = x.T @ (weight * slope * (mixed - bona_fide) / spread)
        information: Any = x.T @ ((weight * slope**2 / spread)[:, None] * x) + 1e-9 * np.eye(2)
        step, rate = np.linalg.solve(information, gradient), 1.0
        while loss(theta - rate * step) > before and rate > 1e-8:
            rate /= 2
        after = loss(theta - rate * step)
        if after > before - 1e-8:
            break
        theta, before = theta - rate * step, after
    return theta, before
