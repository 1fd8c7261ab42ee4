"""Raw scores → natural-log likelihood ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError
from antispoof.runtime.bundle import Calibration

__all__ = ["calibrate", "fit_calibration"]


def calibrate(score: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Return ``slope * score + intercept``, of the shape of ``score``."""
    return calibration.slope * np.asarray(score, np.float64) + calibration.intercept


def fit_calibration(bona_fide: ArrayLike, attack: ArrayLike, ridge: float = 1e-6) -> Calibration:
    """Fit slope and intercept by logistic regression, both classes weighing the same.

    With equal weights the log odds are the log likelihood ratio; the fit minimises Cllr.

    Args:
        bona_fide: raw scores, (N,).
        attack: raw scores, (M,).
        ridge: penalty on the slope per unit of score variance; keeps it finite where the classes do not
            overlap.

    Raises:
        InputError: a class is empty, a score is not finite, or attacks score higher on average.

    References:
        N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer
            Speech and
        Language 20, 2006.
    """
    groups = [np.asarray(scores, np.float64).ravel() for scores in (bona_fide, attack)]
    if any(group.size == 0 or not np.isfinite(group).all() for group in groups):
        raise InputError("fit_calibration needs finite scores of both classes")
    if groups[0].mean() <= groups[1].mean():
        raise InputError("attacks score as high as bona fide presentations: higher has to mean bona fide")
    pooled = np.concatenate(groups)
    centre, scale = float(pooled.mean()), float(pooled.std())
    design: Any = np.stack([(pooled - centre) / scale, np.ones_like(pooled)], axis=1)
    label = np.repeat([1.0, 0.0], [group.size for group in groups])
    weight = np.repeat([0.5 / group.size for group in groups], [group.size for group in groups])
    penalty = np.diag([ridge, 0.0])
    theta = np.zeros(2)
    for _ in range(100):
        probability = 1 / (1 + np.exp(-np.clip(design @ theta, -500, 500)))
        gradient = design.T @ (weight * (probability - label)) + penalty @ theta
        curvature = weight * np.maximum(probability * (1 - probability), 1e-12)
        step = np.linalg.solve(design.T @ (curvature[:, None] * design) + penalty, gradient)
        theta = theta - step / max(1.0, float(np.abs(step).max()))  # damped: far starts overshoot otherwise
        if np.abs(step).max() < 1e-10:
            break
    slope = float(theta[0] / scale)
    return Calibration(slope=slope, intercept=float(theta[1]) - slope * centre)
