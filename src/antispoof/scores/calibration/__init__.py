"""Raw scores → natural-log likelihood ratios. A way of fitting them is one file here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.registry import Registry
from antispoof.scores.logistic import fit_logistic

__all__ = [
    "Calibration",
    "Number",
    "ScoreCalibration",
    "calibrate",
    "calibrations",
    "fit_best",
    "fit_calibration",
    "saturated",
    "supported_ratio",
    "unseen_ratio",
    "without_unseen",
]

MOST_TRIED = 4000  # of each class, when calibrations are chosen

Number = Annotated[float, Field(allow_inf_nan=False)]


class Calibration(BaseModel):
    """``llr = slope * score + intercept``, a natural-log likelihood ratio, within what was seen.

    Attributes:
        slope: what a score weighs.
        intercept: the ratio of a score of 0.
        limit: the ratio, to either side, that none exceeds, see `supported_ratio` and `saturated`; None where
            nobody said.
        unseen: the highest ratio, in favour of bona fide, that attacks of unseen kinds leave possible, see
            `unseen_ratio` and `without_unseen`; None where nobody said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    intercept: Number
    limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    unseen: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def bent(self, ratio: ArrayLike) -> NDArray[np.float64]:
        """Return log likelihood ratios within the limits; those of thresholds, too."""
        bent = np.asarray(ratio, np.float64)
        if self.limit is not None:
            bent = saturated(bent, self.limit)
        return bent if self.unseen is None else without_unseen(bent, self.unseen)

    def rescaled(self, slope: float, intercept: float) -> Calibration:
        """Return the same for scores ``x`` where it was made for ``slope * x + intercept``."""
        return self.model_copy(
            update={"slope": self.slope * slope, "intercept": self.slope * intercept + self.intercept}
        )


class ScoreCalibration(BaseModel, ABC):
    """Turns scores into natural-log likelihood ratios, never changing which of two scores is higher."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    @abstractmethod
    def fit(
        cls,
        score: NDArray[np.float64],
        bona_fide: NDArray[np.bool_],
        quality: NDArray[np.float64] | None = None,
    ) -> Self:
        """Fit on development scores.

        Args:
            score: (N,), raw, higher = bona fide, finite.
            bona_fide: (N,), both classes present.
            quality: (N,), 0 (worst) to 1 (best), NaN where unknown; None where nobody measured it.
        """

    @abstractmethod
    def __call__(
        self, score: NDArray[np.float64], quality: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return log likelihood ratios of the shape of ``score``."""


calibrations: Registry[type[ScoreCalibration]] = Registry("calibration", __name__)


def calibrate(score: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Return natural-log likelihood ratios, of the shape of ``score``."""
    return calibration.bent(calibration.slope * np.asarray(score, np.float64) + calibration.intercept)


def supported_ratio(presentations: int) -> float:
    """Return the largest log likelihood ratio that so many independent presentations can support.

    Where n presentations of a class all did as expected, the next one does not with a chance of 1 in n + 2,
    by Laplace's rule of succession: a ratio of more than ``log(n + 1)`` claims what nobody could have seen.

    Args:
        presentations: of the scarcer class, of different people; at least 1.

    References:
        P.-S. Laplace, "Essai philosophique sur les probabilités", 1814.
    """
    return math.log(presentations + 1)


def saturated(ratio: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Bend log likelihood ratios so that none exceeds ``limit`` to either side; their order stays.

    The posterior odds of a presentation that is of the other class than it looks with chance
    ``1 / (exp(limit) + 1)``; ratios that are small beside the limit hardly change.
    """
    # log p - log (1 - p) with p = outliers + (1 - 2 outliers) sigmoid(ratio), without cancellation
    return np.asarray(np.logaddexp(-limit, ratio) - np.logaddexp(0, ratio - limit), np.float64)


def unseen_ratio(error: float) -> float:
    """Return the largest log likelihood ratio in favour of bona fide that errors on unseen kinds support.

    Where a share ``error`` of attacks passes with ``1 - error`` of the people, passing speaks for a person
    at a ratio of ``(1 - error) / error``, and no higher score was shown to say more.

    Args:
        error: mean D-EER over attack instrument species, each left out of training once; between 0 and 0.5.

    Raises:
        InputError: it is not.
    """
    if not 0 < error < 0.5:
        raise InputError(f"the D-EER of unseen kinds must lie between 0 and 0.5, got {error:g}")
    return math.log((1 - error) / error)


def without_unseen(ratio: NDArray[np.float64], unseen: float) -> NDArray[np.float64]:
    """Bend log likelihood ratios so that none exceeds ``unseen``; their order and their sign stay.

    The ratio where an attack is, with chance ``exp(-unseen)``, of a kind that looks like a person. What
    speaks against a person hardly changes: no kind of attack makes people look like one.
    """
    return np.asarray(-np.logaddexp(math.log(-math.expm1(-unseen)) - ratio, -unseen), np.float64)


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
        Speech and Language 20, 2006.
    """
    groups = [np.asarray(scores, np.float64).ravel() for scores in (bona_fide, attack)]
    if any(group.size == 0 or not np.isfinite(group).all() for group in groups):
        raise InputError("fit_calibration needs finite scores of both classes")
    if groups[0].mean() <= groups[1].mean():
        raise InputError("attacks score as high as bona fide presentations: higher has to mean bona fide")
    label = np.repeat([True, False], [group.size for group in groups])
    weights, intercept = fit_logistic(np.concatenate(groups)[:, None], label, ridge=ridge)
    return Calibration(slope=float(weights[0]), intercept=intercept)


def fit_best(
    score: NDArray[np.float64], bona_fide: NDArray[np.bool_], quality: NDArray[np.float64] | None = None
) -> ScoreCalibration:
    """Fit the registered calibration whose Cllr is lowest on halves of the data that it was not fitted on.

    Args:
        score: (N,), finite.
        bona_fide: (N,).
        quality: (N,), or None.

    Raises:
        InputError: a class has fewer than 4 scores.
    """
    if min(int(bona_fide.sum()), int((~bona_fide).sum())) < 4:
        raise InputError("a calibration needs at least 4 development scores of each class")
    random = np.random.default_rng(0)
    halves: list[list[NDArray[np.intp]]] = [[], []]
    for kind in (bona_fide, ~bona_fide):
        rows = random.permutation(np.flatnonzero(kind))[:MOST_TRIED]
        halves[0].append(rows[::2])
        halves[1].append(rows[1::2])
    first, second = np.concatenate(halves[0]), np.concatenate(halves[1])

    def loss(name: str) -> float:
        total = 0.0
        for fitted, judged in ((first, second), (second, first)):
            parts = (None, None) if quality is None else (quality[fitted], quality[judged])
            llr = calibrations[name].fit(score[fitted], bona_fide[fitted], parts[0])(score[judged], parts[1])
            genuine = bona_fide[judged]
            total += np.logaddexp(0, -llr[genuine]).mean() + np.logaddexp(0, llr[~genuine]).mean()
        return float(total)

    # Logistic comes first: where nothing is won, the simplest map is kept.
    names = sorted(calibrations, key=lambda name: name != "logistic")
    return calibrations[min(names, key=loss)].fit(score, bona_fide, quality)
