"""Logistic regression, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from antispoof.scores.logistic import fit_logistic


def clouds(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Two overlapping, unbalanced classes with features of very different scale."""
    random = np.random.default_rng(seed)
    y = random.random(400) < 0.2
    x = random.normal(0, 1, (400, 6)) + y[:, None] * [1, 0.5, 0, -0.5, 0.2, 0]
    return x * [1, 100, 0.01, 3, 1, 1] + [0, 50, 1, -3, 0, 7], y


@pytest.mark.parametrize("strength", [1e-3, 0.1, 10.0])
def test_it_is_that_of_scikit_learn(strength: float) -> None:
    x, y = clouds()
    ours = fit_logistic(x, y, ridge=1 / (strength * len(y)))
    scaler = StandardScaler().fit(x)
    theirs = LogisticRegression(C=strength, class_weight="balanced", tol=1e-12, max_iter=5000)
    theirs.fit(scaler.transform(x), y)
    np.testing.assert_allclose(ours.weight * scaler.scale_, theirs.coef_[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(x), theirs.decision_function(scaler.transform(x)), rtol=1e-5, atol=1e-6)


def test_odds_hardly_vary_with_how_far_rows_are_changed() -> None:
    x, y = clouds()
    changes = np.array([[2.0, 0, 0, 0, 0, 0], [0, 0, 0, 1.0, 1.0, 0]])
    ours = fit_logistic(x, y, ridge=0.1, changes=changes)
    share, sign = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum()), np.where(y, 1, -1)

    def objective(theta: NDArray[np.float64]) -> float:
        weight = theta[:-1] / x.std(0)
        odds = (x - x.mean(0)) @ weight + theta[-1]
        penalty = 0.1 * np.sum(theta[:-1] ** 2) + np.sum((changes @ (weight * x.var(0))) ** 2)
        return float(share @ np.logaddexp(0, -sign * odds) + penalty / 2)

    theirs = minimize(objective, np.zeros(7), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(ours.weight * x.std(0), theirs[:-1], atol=1e-5)
    free = fit_logistic(x, y, ridge=0.1)
    for change in changes:
        steady, loose = (abs(np.cov(fitted(x), x @ change)[0, 1]) for fitted in (ours, free))
        assert steady < 0.5 * loose


def test_even_odds_whatever_the_balance() -> None:
    x, y = clouds()
    fitted = fit_logistic(x, y, ridge=1e-3)
    rows = np.concatenate([np.arange(len(x)), np.repeat(np.flatnonzero(y), 5)])
    many = fit_logistic(x[rows], y[rows], ridge=1e-3)
    assert fitted(x[y]).mean() > 0 > fitted(x[~y]).mean()
    assert fitted(x).mean() == pytest.approx(many(x).mean(), abs=0.25)


def test_one_class_is_not_enough() -> None:
    x, y = clouds()
    for one in (np.zeros_like(y), np.ones_like(y)):
        with pytest.raises(ValueError, match="both classes"):
            fit_logistic(x, one)
