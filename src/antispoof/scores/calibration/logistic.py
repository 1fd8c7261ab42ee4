"""An affine map, with quality as side information."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.scores.calibration import Number, ScoreCalibration, calibrations
from antispoof.scores.logistic import fit_logistic

__all__ = ["Logistic"]


@calibrations.register("logistic")
class Logistic(ScoreCalibration):
    """``slope * score + intercept``, where a better sample may weigh more and start elsewhere.

    The slope grows by ``quality_slope`` and the intercept by ``quality_intercept`` per unit of quality above
    the worst. Quality that is unknown counts as ``usual_quality``.

    References:
        N. Brümmer and J. du Preez, "Application-independent evaluation of speaker detection", Computer
        Speech and Language 20, 2006.
    """

    slope: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    intercept: Number
    quality_slope: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    quality_intercept: Number = 0.0
    usual_quality: Annotated[float, Field(ge=0, le=1)] = 1.0

    @classmethod
    def fit(
        cls,
        score: NDArray[np.float64],
        bona_fide: NDArray[np.bool_],
        quality: NDArray[np.float64] | None = None,
    ) -> Self:
        """Fit by logistic regression, both classes weighing the same."""
        if quality is None or np.isnan(quality).all():
            weights, intercept = fit_logistic(score[:, None], bona_fide)
            return cls(slope=max(float(weights[0]), 0.0), intercept=intercept)
        usual = float(np.nanmedian(quality))
        known = np.where(np.isnan(quality), usual, quality)
        # Shifted scores make the interaction positive where a score speaks for bona fide.
        centre = float(np.median(score))
        columns = np.column_stack([score - centre, (score - centre) * known, known])
        weights, intercept = fit_logistic(columns, bona_fide, nonnegative=np.array([True, True, False]))
        slope, quality_slope, quality_intercept = weights.tolist()
        return cls(
            slope=slope,
            intercept=intercept - slope * centre,
            quality_slope=quality_slope,
            quality_intercept=quality_intercept - quality_slope * centre,
            usual_quality=usual,
        )

    def __call__(
        self, score: NDArray[np.float64], quality: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Apply the map."""
        if quality is None:
            quality = np.full_like(score, self.usual_quality)
        known = np.where(np.isnan(quality), self.usual_quality, quality)
        slope = self.slope + self.quality_slope * known
        return slope * score + self.intercept + self.quality_intercept * known
